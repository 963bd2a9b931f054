import { Reason } from "#nervous-system/schemas/conditions.ts";
import type { AgentAct, AgentPlan, Phase } from "#operator/agent/plan.ts";
import type { AgentSnapshot } from "#operator/agent/snapshot.ts";
import { hasRun, type PodFacts } from "#operator/pod/facts.ts";
import { observeFinalizer } from "#nervous-system/schemas/names.ts";
import { parseScribeEnd } from "#operator/pod/termination.ts";

/** How much longer than the drain a deletion waits for the end of a pod, in milliseconds. */
export const letGoAfterMs = 60_000;

const recheckMs = 5_000;

const podsOf = ({ pod, earlierPods }: AgentSnapshot): readonly PodFacts[] =>
  pod === undefined ? earlierPods : [...earlierPods, pod];

const gapOf = (pod: PodFacts): AgentAct[] => {
  const end = parseScribeEnd(pod.scribe?.terminated?.message);
  if (end !== undefined && end.ackedSeq >= end.lastSeq) return [];
  if (!hasRun(pod.scribe)) return [];
  const message =
    end === undefined
      ? `Pod "${pod.name}" ended without a word of its scribe: the end of its record may be missing.`
      : `Pod "${pod.name}" wrote ${end.lastSeq} frames and the stream confirmed ${end.ackedSeq}: the rest may be missing from the record.`;
  return [{ kind: "warnOfGap", message }];
};

const release = (pods: readonly PodFacts[]): AgentAct[] => [
  ...pods.flatMap((pod): AgentAct[] => (pod.held ? [...gapOf(pod), { kind: "releasePod", pod }] : [])),
  { kind: "releaseAgent" },
];

const plan = (fields: Pick<AgentPlan, "acts" | "message" | "outcome">): AgentPlan => ({
  stand: "Draining",
  reason: Reason.Draining,
  stalled: false,
  progress: { kind: "none" },
  ...fields,
});

/** An Agent that is being deleted: its pods are stopped, their scribes drain, and then it is let go, whatever happens. */
export const deletion: Phase<AgentSnapshot> = (snapshot) => {
  const { metadata } = snapshot.agent;
  if (metadata.deletionTimestamp === undefined) return undefined;
  if (!metadata.finalizers?.includes(observeFinalizer))
    return plan({ acts: [], message: "It is going.", outcome: { kind: "done" } });
  const pods = podsOf(snapshot);
  const living = pods.filter(({ ended }) => !ended);
  const limitMs = Date.parse(metadata.deletionTimestamp) + snapshot.times.drainMs + letGoAfterMs;
  const stop = living
    .filter(({ deletingUntil }) => deletingUntil === undefined)
    .map((pod): AgentAct => ({ kind: "deletePod", pod }));
  const message = `Waits for ${living.length} pods to hand over their record.`;
  if (living.length > 0 && snapshot.nowMs < limitMs)
    return plan({
      acts: stop,
      message,
      outcome: { kind: "waiting", reason: Reason.Draining, message, recheckMs },
    });
  return plan({
    acts: [...stop, ...release(pods)],
    message: "Its pods are gone.",
    outcome: { kind: "done" },
  });
};
