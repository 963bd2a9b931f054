import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { type Access, readAccessTo } from "#nervous-system/kubernetes/access.ts";
import type { KubeClient, Selection } from "#nervous-system/kubernetes/kube-client.ts";
import type { ReflectorEnd } from "#nervous-system/kubernetes/reflector-decision.ts";
import { runReflector } from "#nervous-system/kubernetes/reflector.ts";
import { keyOf, type KubeObject, type ResourceKind, resourceName } from "#nervous-system/kubernetes/resource-kind.ts";
import { createStore, type Indexer, type StoreChange } from "#nervous-system/kubernetes/store.ts";

/** Called for each change, in the order of the API server; what it throws is logged and stops nobody else. */
type InformerHandler<T> = (change: StoreChange<T>) => void;

/** A cache of one kind that follows the API server. Objects in it are shared: never change one. */
export type Informer<T extends KubeObject = KubeObject> = {
  readonly kind: ResourceKind<T>;
  /** The object of a key (`namespace/name`), if it is there. */
  get(key: string): T | undefined;
  list(): readonly T[];
  /** Objects that a declared indexer put under `value`. */
  byIndex(index: string, value: string): readonly T[];
  size(): number;
  /** Calls the handler for what is there (as added), then for every change. */
  addHandler(handler: InformerHandler<T>): void;
  /** True from the first whole list on. */
  hasSynced(): boolean;
  /** Resolves at the first whole list; rejects with the signal's reason. */
  synced(signal?: AbortSignal): Promise<void>;
  /** Milliseconds since the server was last heard for this kind; Infinity before the first list. */
  silenceMs(): number;
  /** Follows the server until the signal aborts. Call once. */
  run(signal: AbortSignal): Promise<void>;
};

/** What an informer is made of. */
export type InformerOptions<T extends KubeObject> = {
  client: Pick<KubeClient, "list" | "watch">;
  kind: ResourceKind<T>;
  selection?: Selection | undefined;
  indexers?: Readonly<Record<string, Indexer<T>>>;
  clock: Clock;
  random: () => number;
  log: Log;
  onEnd?: (end: ReflectorEnd) => void;
};

/** What an informer on a kind needs. */
export const informerAccess = (kind: ResourceKind): readonly Access[] => [readAccessTo(kind)];

type Bulky = { managedFields?: unknown; annotations?: Record<string, string> };

// Half of an object's bytes, and nothing that a controller decides by.
const stripped = <T extends KubeObject>(object: T): T => {
  const metadata = object.metadata as Bulky;
  delete metadata.managedFields;
  delete metadata.annotations?.["kubectl.kubernetes.io/last-applied-configuration"];
  return object;
};

const untilAborted = (signal: AbortSignal | undefined): Promise<never> =>
  new Promise((_, reject) => {
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });

/** Creates an informer; it does nothing until `run`. */
export const createInformer = <T extends KubeObject>(options: InformerOptions<T>): Informer<T> => {
  const { kind, clock, log, indexers } = options;
  const store = createStore<T>(indexers);
  const handlers: InformerHandler<T>[] = [];
  const firstList = Promise.withResolvers<void>();
  let heardAtMs: number | undefined;
  let synced = false;

  const call = (handler: InformerHandler<T>, change: StoreChange<T>): void => {
    try {
      handler(change);
    } catch (err) {
      const key = keyOf(change.object.metadata);
      log.error({ err, resource: resourceName(kind), key, change: change.kind }, "an informer's handler threw");
    }
  };
  const deliver = (changes: readonly StoreChange<T>[]): void => {
    for (const change of changes) for (const handler of handlers) call(handler, change);
  };
  const sink = {
    replace: (items: readonly T[]) => {
      deliver(store.replace(items.map(stripped)));
      synced = true;
      firstList.resolve();
    },
    upsert: (object: T) => deliver(store.upsert(stripped(object))),
    remove: (object: T) => deliver(store.remove(stripped(object))),
    heard: () => {
      heardAtMs = clock.monotonicMs();
    },
  };
  return {
    kind,
    get: (key) => store.get(key),
    list: () => [...store.values()],
    byIndex: (index, value) => store.byIndex(index, value),
    size: () => store.size(),
    addHandler: (handler) => {
      handlers.push(handler);
      for (const object of store.values()) call(handler, { kind: "added", object });
    },
    hasSynced: () => synced,
    synced: (signal) => (signal ? Promise.race([firstList.promise, untilAborted(signal)]) : firstList.promise),
    silenceMs: () => (heardAtMs === undefined ? Infinity : clock.monotonicMs() - heardAtMs),
    run: (signal) => runReflector({ ...options, sink }, signal),
  };
};
