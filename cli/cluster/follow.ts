import { silentLog } from "#nervous-system/kernel/log.ts";
import { createInformer } from "#nervous-system/kubernetes/informer.ts";
import type { KubeObject, ResourceKind } from "#nervous-system/kubernetes/resource-kind.ts";
import { missions, type Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { Host } from "../host.ts";
import type { Cluster } from "./connect.ts";
import { standingOf } from "./mission-words.ts";

/** Which objects are followed, and who is told what is there and of every change. */
export type Follow<T extends KubeObject> = {
  readonly kind: ResourceKind<T>;
  readonly fieldSelector: string;
  readonly look: (object: T, isDeleted: boolean) => void;
};

/** Follows objects of the command's namespace until what it answers is called, which resolves once nothing more is told. */
export const follow = <T extends KubeObject>(
  host: Host,
  { client, namespace }: Cluster,
  { kind, fieldSelector, look }: Follow<T>,
): (() => Promise<void>) => {
  const informer = createInformer<T>({
    client,
    kind,
    selection: { namespace, fieldSelector },
    clock: host.clock,
    random: () => Number.parseInt(host.randomHex(4), 16) / 2 ** 32,
    log: silentLog,
  });
  informer.addHandler((change) => look(change.object, change.kind === "deleted"));
  const stop = new AbortController();
  const running = informer.run(stop.signal).catch(() => undefined);
  return () => {
    stop.abort();
    return running;
  };
};

/** How a mission that was followed ended. */
export type Seen = { readonly kind: "ended"; readonly mission: Mission } | { readonly kind: "deleted" };

/** A mission to follow, and who is told of each of its states. */
type FollowToEnd = {
  readonly found: Mission;
  readonly look: (mission: Mission) => void;
  readonly signal?: AbortSignal;
};

/** Follows the mission that was found until it has ended, or is gone; another one of its name is not it. Rejects with the signal's reason. */
export const followToEnd = async (
  host: Host,
  cluster: Cluster,
  { found, look, signal }: FollowToEnd,
): Promise<Seen> => {
  const { name, uid } = found.metadata;
  const seen = Promise.withResolvers<Seen>();
  const stop = follow<Mission>(host, cluster, {
    kind: missions,
    fieldSelector: `metadata.name=${name}`,
    look: (mission, isDeleted) => {
      if (isDeleted || mission.metadata.uid !== uid) return seen.resolve({ kind: "deleted" });
      look(mission);
      if (standingOf(mission).end !== undefined) seen.resolve({ kind: "ended", mission });
    },
  });
  signal?.addEventListener("abort", () => seen.reject(signal.reason), { once: true });
  try {
    return await seen.promise;
  } finally {
    await stop();
  }
};
