import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Agent } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { ClusterView } from "#pipeline/gateway/cluster-view.ts";
import { granted, refused, refusedUntil, type Granted } from "#pipeline/gateway/refusal.ts";
import { computePodBinding, parsePodName, type PodBinding } from "#pipeline/identity/pod-binding.ts";
import type { TokenPod } from "#pipeline/identity/token-reviews.ts";

/** The Agent whose current attempt a pod is. */
export type BoundAgent = { readonly agent: Agent; readonly attempt: number };

const askEveryMs = 500;
const giveUpAfterMs = 10_000;

/**
 * Looks until there is an answer: a pod may call before the operator has written its UID down, so one that is not known yet is
 * looked for, for up to 10 s, before it is told to come back.
 */
export const lookUntilKnown = async <T>(
  look: () => Promise<Granted<T> | undefined>,
  message: string,
  clock: Pick<Clock, "sleep" | "monotonicMs">,
): Promise<Granted<T>> => {
  const startedMs = clock.monotonicMs();
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (clock.monotonicMs() - startedMs >= giveUpAfterMs) return refusedUntil(503, "binding_unknown", message, 2);
    await clock.sleep(askEveryMs);
  }
};

const decideBinding = (pod: TokenPod, binding: PodBinding<Agent>): Granted<BoundAgent> | undefined => {
  switch (binding.kind) {
    case "current":
      return granted({ agent: binding.agent, attempt: binding.attempt });
    case "earlier":
      return refused(
        403,
        "stale_attempt",
        `pod "${pod.name}" is attempt ${binding.attempt} of Agent "${binding.agent.metadata.name}", which has gone on: it may act no more`,
      );
    case "foreign":
      return refused(403, "unknown_pod", `pod "${pod.name}" is not the current pod of any Agent`);
    case "unknown":
      return undefined;
  }
};

const agentOf = (namespace: string, pod: TokenPod) => ({ namespace, name: parsePodName(pod.name)?.agent ?? pod.name });

/** Finds the Agent of a pod as it is now. */
export const awaitLiveBinding = (
  view: Pick<ClusterView, "agentNow">,
  namespace: string,
  pod: TokenPod,
  clock: Pick<Clock, "sleep" | "monotonicMs">,
): Promise<Granted<BoundAgent>> =>
  lookUntilKnown(
    async () => decideBinding(pod, computePodBinding(pod, await view.agentNow(agentOf(namespace, pod)))),
    `pod "${pod.name}" is not yet known as the pod of an Agent`,
    clock,
  );

/** Finds the Agent of a pod, past the cache where that does not know the pod as current. */
export const awaitBinding = async (
  view: Pick<ClusterView, "agent" | "agentNow">,
  namespace: string,
  pod: TokenPod,
  clock: Pick<Clock, "sleep" | "monotonicMs">,
): Promise<Granted<BoundAgent>> => {
  const cached = decideBinding(pod, computePodBinding(pod, view.agent(agentOf(namespace, pod))));
  // A cache may lag behind a new attempt, so only what lets the pod act is taken from it.
  return cached?.kind === "granted" ? cached : awaitLiveBinding(view, namespace, pod, clock);
};
