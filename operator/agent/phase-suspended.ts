import { Reason } from "#nervous-system/schemas/conditions.ts";
import { recordedEnd } from "#operator/agent/attempts.ts";
import { releases } from "#operator/agent/phase-finished.ts";
import type { Phase } from "#operator/agent/plan.ts";
import type { AgentSnapshot } from "#operator/agent/snapshot.ts";
import { nodeSilenceMs } from "#operator/pod/pending.ts";

const suspendedMessage = "No pod runs until suspend is false again.";

/** A suspended Agent: its pod is stopped and none is made. */
export const suspended: Phase<AgentSnapshot> = (snapshot) => {
  const { agent, pod } = snapshot;
  if (!agent.spec.suspend) return undefined;
  const living = pod !== undefined && !pod.ended && recordedEnd(snapshot) === undefined ? pod : undefined;
  if (living === undefined)
    return {
      stand: "Suspended",
      reason: Reason.Suspended,
      message: suspendedMessage,
      stalled: false,
      progress: { kind: "none" },
      acts: releases(snapshot),
      outcome: { kind: "done" },
    };
  // A node that stays silent is told of by the phase of living pods.
  if (living.deletingUntil !== undefined && snapshot.nowMs > Date.parse(living.deletingUntil) + nodeSilenceMs)
    return undefined;
  const message = `Pod "${living.name}" is being stopped, because the Agent is suspended.`;
  return {
    stand: "Draining",
    reason: Reason.Draining,
    message,
    stalled: false,
    progress: { kind: "alive", pod: living },
    acts: living.deletingUntil === undefined ? [{ kind: "deletePod", pod: living }] : [],
    outcome: { kind: "waiting", reason: Reason.Draining, message, recheckMs: nodeSilenceMs },
  };
};
