import { silentLog } from "#nervous-system/kernel/log.ts";
import { createInformer, type InformerOptions } from "#nervous-system/kubernetes/informer.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import type { KubeObject, ResourceKind } from "#nervous-system/kubernetes/resource-kind.ts";
import { durationMs } from "#nervous-system/kernel/duration.ts";
import { textOption, type OptionValues } from "../arguments.ts";
import { CliError, type Host } from "../host.ts";
import type { Cluster } from "./connect.ts";
import { hearTrouble } from "./follow-trouble.ts";
import { withoutNulls } from "./without-nulls.ts";

/** How following an object ended. */
export type Followed<T> = { readonly kind: "reached"; readonly object: T } | { readonly kind: "deleted" };

/** Exit code of whoever waited for too long. */
export const timeIsOver = 3;

/** The time that somebody wanted to wait is over. */
export class TimeOver extends Error {}

/** Objects that are followed, and who is told of them. */
type FollowAll<T extends KubeObject> = {
  readonly kind: ResourceKind<T>;
  readonly fieldSelector: string;
  readonly look: (object: T, isDeleted: boolean) => void;
};

const informerOf = <T extends KubeObject>(host: Host, options: Omit<InformerOptions<T>, "clock" | "random" | "log">) =>
  createInformer<T>({
    ...options,
    clock: host.clock,
    random: () => Number.parseInt(host.randomHex(4), 16) / 2 ** 32,
    log: silentLog,
  });

/** Follows objects of the command's namespace until what it answers is called, which resolves once nothing more is told. */
export const followAll = <T extends KubeObject>(
  host: Host,
  { client, namespace }: Cluster,
  { kind, fieldSelector, look }: FollowAll<T>,
): (() => Promise<void>) => {
  const informer = informerOf<T>(host, { client, kind, selection: { namespace, fieldSelector } });
  informer.addHandler((change) => look(withoutNulls(change.object), change.kind === "deleted"));
  const stop = new AbortController();
  const running = informer.run(stop.signal).catch(() => undefined);
  return () => {
    stop.abort();
    return running;
  };
};

/** What following one object needs to know. */
type Follow<T extends KubeObject> = {
  readonly client: Pick<KubeClient, "list" | "watch">;
  readonly kind: ResourceKind<T>;
  /** The very object; another one of its name is not it. */
  readonly found: T;
  /** Told of the object as it was found and of each change; answers whether it is where it was to get. */
  readonly look: (object: T) => boolean;
  /** Told why nothing is heard of it, where that lasts. */
  readonly trouble: (why: string) => void;
};

/** Follows an object until it is where it was to get, as it may be already, or is gone; rejects when the signal aborts. */
export const follow = async <T extends KubeObject>(
  host: Host,
  { client, kind, found, look, trouble }: Follow<T>,
  signal: AbortSignal,
): Promise<Followed<T>> => {
  if (look(found)) return { kind: "reached", object: found };
  signal.throwIfAborted();
  const { name, namespace, uid } = found.metadata;
  const end = Promise.withResolvers<Followed<T>>();
  const see = (sent: T): void => {
    const object = withoutNulls(sent);
    if (object.metadata.uid !== uid) end.resolve({ kind: "deleted" });
    else if (look(object)) end.resolve({ kind: "reached", object });
  };
  const informer = informerOf<T>(host, {
    client,
    kind,
    selection: { namespace, fieldSelector: `metadata.name=${name}` },
    onEnd: hearTrouble({ clock: host.clock, refused: end.reject, lasts: trouble }),
  });
  informer.addHandler((change) => (change.kind === "deleted" ? end.resolve({ kind: "deleted" }) : see(change.object)));
  const stop = new AbortController();
  const running = informer.run(AbortSignal.any([signal, stop.signal]));
  signal.addEventListener("abort", () => end.reject(signal.reason), { once: true });
  void informer.synced(signal).then(
    () => informer.size() === 0 && end.resolve({ kind: "deleted" }),
    () => undefined,
  );
  try {
    return await end.promise;
  } finally {
    stop.abort(new Error("what was waited for is there"));
    await running.catch(() => undefined);
  }
};

const timeoutOf = (command: string, options: OptionValues): number | undefined => {
  const text = textOption(options, "timeout");
  if (text === "") return undefined;
  if (!/^([0-9]+(ms|s|m|h|d))+$/.test(text))
    throw new CliError(`enchanted ${command}: --timeout ${text}: give a duration, such as 90s, 30m or 2h`);
  return durationMs(text);
};

/** Calls with a signal that aborts by `TimeOver` once the option `--timeout` of the command says so. */
export const withinTimeout = async <R>(
  host: Host,
  command: string,
  options: OptionValues,
  call: (signal: AbortSignal) => Promise<R>,
): Promise<R> => {
  const timeoutMs = timeoutOf(command, options);
  const over = new AbortController();
  const cancel =
    timeoutMs === undefined ? () => undefined : host.clock.after(timeoutMs, () => over.abort(new TimeOver()));
  try {
    return await call(over.signal);
  } finally {
    cancel();
  }
};
