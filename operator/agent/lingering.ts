import { Reason } from "#nervous-system/schemas/conditions.ts";
import { livingPod } from "#operator/agent/attempts.ts";
import type { Step } from "#operator/agent/plan.ts";
import { lingering } from "#operator/pod/facts.ts";

/**
 * How long other containers get to end by themselves after the agent, in milliseconds. It also puts the agent's
 * end clearly before the deletion of its pod (`end.ts`), so that its exit code counts.
 */
const lingerMs = 10_000;

/** The agent has ended and a container that is none of ours keeps its pod alive: the pod is deleted, so that the scribe drains. */
export const lingers: Step = (snapshot) => {
  const pod = livingPod(snapshot);
  if (pod === undefined || pod.deletingUntil !== undefined) return undefined;
  const names = lingering(pod).map(({ name }) => `"${name}"`);
  if (names.length === 0) return undefined;
  const endedMs = Date.parse(pod.main?.terminated?.finishedAt ?? "") || 0;
  const leftMs = endedMs + lingerMs - snapshot.nowMs;
  const message = `The agent has ended; pod "${pod.name}" is stopped, which ${names.join(", ")} keeps alive.`;
  return {
    phase: "Draining",
    reason: Reason.Draining,
    message,
    stalled: false,
    progress: { kind: "alive", pod },
    acts: leftMs > 0 ? [] : [{ kind: "deletePod", pod }],
    outcome: { kind: "waiting", reason: Reason.Draining, message, recheckMs: leftMs > 0 ? leftMs : lingerMs },
  };
};
