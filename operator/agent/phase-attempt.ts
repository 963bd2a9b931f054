import { Reason } from "#nervous-system/schemas/conditions.ts";
import { currentAttempt, pauseMs, recordedEnd } from "#operator/agent/attempts.ts";
import { releases } from "#operator/agent/phase-finished.ts";
import type { AgentPlan, Phase } from "#operator/agent/plan.ts";
import type { AgentSnapshot } from "#operator/agent/snapshot.ts";

type Blocked = { reason: string; message: string };
type Check = (snapshot: AgentSnapshot) => Blocked | undefined;

const missionExists: Check = ({ agent, mission }) =>
  mission !== undefined && mission.metadata.deletionTimestamp === undefined
    ? undefined
    : {
        reason: Reason.MissionNotFound,
        message: `Mission "${agent.spec.missionRef.name}" does not exist any more.`,
      };

const modelExists: Check = ({ agent, model }) =>
  model === undefined
    ? { reason: Reason.ModelNotFound, message: `Model "${agent.spec.modelRef.name}" does not exist; create it.` }
    : undefined;

const servicesHaveAddresses: Check = ({ addresses }) =>
  addresses === undefined
    ? {
        reason: Reason.CheckUnavailable,
        message: "The Services enchanted-collector and enchanted-gateway have no cluster address yet.",
      }
    : undefined;

/** What must hold before a pod is made; the order is that in which people are told. */
const preconditions: readonly Check[] = [missionExists, modelExists, servicesHaveAddresses];

const blockedRecheckMs = 30_000;
const startRecheckMs = 60_000;

const blockedPlan = (snapshot: AgentSnapshot, { reason, message }: Blocked): AgentPlan => ({
  stand: "Pending",
  reason,
  message,
  stalled: false,
  progress: { kind: "none" },
  acts: releases(snapshot),
  outcome: { kind: "waiting", reason, message, recheckMs: blockedRecheckMs },
});

const remainingPauseMs = (snapshot: AgentSnapshot): number => {
  const last = recordedEnd(snapshot);
  if (last?.endTime === undefined) return 0;
  const { failures = 0, disruptions = 0 } = snapshot.agent.status ?? {};
  const pause = pauseMs(last, { failures, disruptions }, snapshot.times);
  return Math.max(0, Date.parse(last.endTime) + pause - snapshot.nowMs);
};

const retryingPlan = (snapshot: AgentSnapshot, waitMs: number): AgentPlan => {
  const last = recordedEnd(snapshot);
  const reason = last?.reason ?? Reason.AttemptFailed;
  const message = last?.message ?? "";
  return {
    stand: "Retrying",
    reason,
    message,
    stalled: false,
    progress: { kind: "none" },
    acts: releases(snapshot),
    outcome: { kind: "waiting", reason, message, recheckMs: waitMs },
  };
};

// Attempt n+1 only after a live GET has shown pod n terminal or gone, and its end is in the status.
const formerIsSettled = (snapshot: AgentSnapshot): boolean =>
  currentAttempt(snapshot) === 0 ||
  (recordedEnd(snapshot) !== undefined && snapshot.podIsLive && (snapshot.pod === undefined || snapshot.pod.ended));

// The number was persisted and the operator stopped before the pod was made: the same number is made now.
const podIsMissing = (snapshot: AgentSnapshot): boolean =>
  currentAttempt(snapshot) > 0 &&
  recordedEnd(snapshot) === undefined &&
  snapshot.podIsLive &&
  snapshot.pod === undefined &&
  snapshot.agent.status?.podUID === undefined;

const startPlan = (snapshot: AgentSnapshot, attempt: number): AgentPlan => {
  const message = `Attempt ${attempt} starts.`;
  const isNew = attempt !== currentAttempt(snapshot);
  return {
    stand: "Starting",
    reason: Reason.PodPending,
    message,
    stalled: false,
    progress: isNew ? { kind: "started", attempt } : { kind: "none" },
    acts: [...releases(snapshot), { kind: "createPod", attempt }],
    outcome: { kind: "waiting", reason: Reason.PodPending, message, recheckMs: startRecheckMs },
  };
};

/** Starts the first attempt, or the one after an attempt that has ended, once its pause is over. */
export const nextAttempt: Phase<AgentSnapshot> = (snapshot) => {
  const missing = podIsMissing(snapshot);
  if (!missing && !formerIsSettled(snapshot)) return undefined;
  for (const check of preconditions) {
    const blocked = check(snapshot);
    if (blocked !== undefined) return blockedPlan(snapshot, blocked);
  }
  if (missing) return startPlan(snapshot, currentAttempt(snapshot));
  const waitMs = remainingPauseMs(snapshot);
  return waitMs > 0 ? retryingPlan(snapshot, waitMs) : startPlan(snapshot, currentAttempt(snapshot) + 1);
};
