import { isForbidden } from "#nervous-system/kubernetes/errors.ts";
import { createInformer, type Informer, type InformerOptions } from "#nervous-system/kubernetes/informer.ts";
import type { ReflectorEnd } from "#nervous-system/kubernetes/reflector-decision.ts";
import type { KubeObject } from "#nervous-system/kubernetes/resource-kind.ts";

/** A cache of one kind in some namespaces, for a component that has rights in these alone. */
export type NamespacedInformer<T extends KubeObject = KubeObject> = Informer<T> & {
  /** Whether the namespace is one of those, and the API server lets it be read. */
  follows(namespace: string): boolean;
};

/** What such an informer is made of: the options of one, and the namespaces. */
export type NamespacedInformerOptions<T extends KubeObject> = InformerOptions<T> & { namespaces: readonly string[] };

type Part<T extends KubeObject> = { informer: Informer<T>; firstRefusal: Promise<void>; isRefused(): boolean };

const createPart = <T extends KubeObject>(options: InformerOptions<T>, namespace: string): Part<T> => {
  const firstRefusal = Promise.withResolvers<void>();
  let refused = false;
  const onEnd = (end: ReflectorEnd): void => {
    // Until it is read again: a connection that fails meanwhile says nothing about it.
    refused = end.kind === "failed" && (refused || isForbidden(end.error));
    if (refused) firstRefusal.resolve();
    options.onEnd?.(end);
  };
  const informer = createInformer<T>({ ...options, selection: { ...options.selection, namespace }, onEnd });
  return { informer, firstRefusal: firstRefusal.promise, isRefused: () => refused };
};

const namespaceOf = (key: string): string => key.slice(0, Math.max(0, key.indexOf("/")));

/**
 * Creates one informer over several namespaces. A namespace that may not be read, because it is being deleted or its Role is gone,
 * holds up none of the others: what was read of it before stays, and it is asked for again as after any failure.
 */
export const createNamespacedInformer = <T extends KubeObject>(
  options: NamespacedInformerOptions<T>,
): NamespacedInformer<T> => {
  const parts = new Map(options.namespaces.map((namespace) => [namespace, createPart(options, namespace)] as const));
  const all = [...parts.values()];
  const informers = all.map(({ informer }) => informer);
  const readable = (): Informer<T>[] => all.filter((part) => !part.isRefused()).map(({ informer }) => informer);
  return {
    kind: options.kind,
    follows: (namespace) => parts.get(namespace)?.isRefused() === false,
    get: (key) => parts.get(namespaceOf(key))?.informer.get(key),
    list: () => informers.flatMap((informer) => informer.list()),
    byIndex: (index, value) => informers.flatMap((informer) => informer.byIndex(index, value)),
    size: () => informers.reduce((sum, informer) => sum + informer.size(), 0),
    addHandler: (handler) => {
      for (const informer of informers) informer.addHandler(handler);
    },
    hasSynced: () => readable().every((informer) => informer.hasSynced()),
    synced: async (signal) => {
      await Promise.all(all.map(({ informer, firstRefusal }) => Promise.race([informer.synced(signal), firstRefusal])));
    },
    silenceMs: () => Math.max(0, ...readable().map((informer) => informer.silenceMs())),
    run: async (signal) => {
      await Promise.all(informers.map((informer) => informer.run(signal)));
    },
  };
};
