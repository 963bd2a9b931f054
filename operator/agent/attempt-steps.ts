import { isControlledBy } from "#nervous-system/kubernetes/resource-kind.ts";
import { ConditionType, findCondition, Reason } from "#nervous-system/schemas/conditions.ts";
import { currentAttempt, givesUp, livingPod, pauseMs, recordedEnd, countsAfter } from "#operator/agent/attempts.ts";
import type { AgentAct, AgentPlan, AgentSnapshot, Step } from "#operator/agent/plan.ts";
import { judgeWorkspace } from "#operator/gateway/workspace.ts";
import { judgeNetwork } from "#operator/pod/confinement.ts";
import { judgeEnd, vanished, type PodEnd } from "#operator/pod/end.ts";
import type { PodFacts } from "#operator/pod/facts.ts";
import { unexplainedAfterMs } from "#operator/pod/node-words.ts";
import { hindranceOf, nodeSilenceMs, type Hindrance } from "#operator/pod/pending.ts";

/** Pods that have ended and are still held although their end is recorded, as a crash leaves them. */
export const releases = ({ pod, earlierPods }: AgentSnapshot): AgentAct[] =>
  [...earlierPods, ...(pod === undefined ? [] : [pod])]
    .filter((found: PodFacts) => found.ended && found.held)
    .map((found): AgentAct => ({ kind: "releasePod", pod: found }));

/** Attempts of an Agent whose mission cannot be read any more. */
const defaultMaxAttempts = 3;

/** How often a pod that makes no progress is looked at again, in milliseconds. */
const recheckMs = 60_000;

const holding = [ConditionType.Failed, ConditionType.Stalled, ConditionType.Suspended];

/** An Agent is suspended by `spec.suspend` of its mission, or by what else holds or ended that: then its own words tell. */
const whyStopped = (mission: AgentSnapshot["mission"]): string => {
  if (mission === undefined || mission.spec.suspend) return "the mission is suspended.";
  const { conditions } = mission.status ?? {};
  const told = holding.map((type) => findCondition(conditions, type)).find((found) => found?.status === "True");
  if (told === undefined) return "the Agent is suspended.";
  return `its mission ${told.type === ConditionType.Failed ? "is over" : "is paused"}: ${told.message}`;
};

const stoppedForSuspend = (pod: PodFacts, mission: AgentSnapshot["mission"]): PodEnd => ({
  verdict: "disrupted",
  reason: Reason.Suspended,
  message: `Pod "${pod.name}" was stopped because ${whyStopped(mission)}`,
});

const judge = ({ agent, mission, pod }: AgentSnapshot): PodEnd => {
  if (pod === undefined) return vanished;
  const end = judgeEnd(pod);
  const ours = agent.spec.suspend && pod.deletingUntil !== undefined && end.verdict === "disrupted";
  return ours ? stoppedForSuspend(pod, mission) : end;
};

const afterEnd = (
  snapshot: AgentSnapshot,
  end: PodEnd,
): Pick<AgentPlan, "phase" | "reason" | "message" | "stalled" | "outcome"> => {
  if (end.verdict === "succeeded")
    return { phase: "Succeeded", reason: end.reason, message: end.message, stalled: false, outcome: { kind: "done" } };
  const counts = countsAfter(snapshot.agent.status, end);
  const maxAttempts = snapshot.mission?.spec.retry.maxAttempts ?? defaultMaxAttempts;
  const givenUp = givesUp(end, counts, maxAttempts);
  if (givenUp !== undefined)
    return { phase: "Failed", ...givenUp, stalled: true, outcome: { kind: "stalled", ...givenUp } };
  const waitMs = pauseMs({ reason: end.reason, disruption: end.verdict === "disrupted" }, counts, snapshot.times);
  const { reason, message } = end;
  const phase = reason === Reason.Suspended ? "Suspended" : "Retrying";
  return { phase, reason, message, stalled: false, outcome: { kind: "waiting", reason, message, recheckMs: waitMs } };
};

const hasEnded = ({ agent, pod, podIsLive }: AgentSnapshot): boolean => {
  if (!podIsLive) return false;
  if (pod !== undefined) return pod.ended;
  return agent.status?.podUID !== undefined;
};

/** The pod of the current attempt has ended or is gone: its end goes into the status, then the pod is released. */
export const endOfPod: Step = (snapshot) => {
  const attempt = currentAttempt(snapshot);
  if (attempt === 0 || recordedEnd(snapshot) !== undefined || !hasEnded(snapshot)) return undefined;
  const end = judge(snapshot);
  return {
    ...afterEnd(snapshot, end),
    progress: { kind: "ended", end, pod: snapshot.pod },
    acts: releases(snapshot),
  };
};

const phaseOf = (pod: PodFacts, { reason }: Hindrance): AgentPlan["phase"] => {
  if (reason === Reason.Draining) return "Draining";
  return pod.main?.running === true ? "Running" : "Starting";
};

// Until its grace is over a deleted pod is nobody's fault, and a pod that starts may yet be explained by its node.
const nextLookMs = ({ deletingUntil }: PodFacts, { reason }: Hindrance, nowMs: number): number => {
  if (deletingUntil !== undefined) {
    const silentAtMs = Date.parse(deletingUntil) + nodeSilenceMs + 1_000;
    return Math.min(recheckMs, Math.max(1_000, silentAtMs - nowMs));
  }
  return reason === Reason.PodPending ? unexplainedAfterMs : recheckMs;
};

/** The pod of the current attempt lives: it works, or something keeps it from working. */
export const alive: Step = (snapshot) => {
  const pod = livingPod(snapshot);
  if (pod === undefined) return undefined;
  const hindrance = hindranceOf(pod, snapshot.nowMs);
  const base = { progress: { kind: "alive", pod } as const, acts: releases({ ...snapshot, pod: undefined }) };
  if (hindrance === undefined) {
    const message = `Attempt ${pod.attempt} runs in pod "${pod.name}".`;
    // A scribe that falls silent wakes nobody.
    const outcome = { kind: "done", recheckMs } as const;
    return { ...base, phase: "Running", reason: Reason.PodRunning, message, stalled: false, outcome };
  }
  const { reason, message, stuck } = hindrance;
  return {
    ...base,
    phase: phaseOf(pod, hindrance),
    reason,
    message,
    stalled: stuck,
    outcome: { kind: "waiting", reason, message, recheckMs: nextLookMs(pod, hindrance, snapshot.nowMs) },
  };
};

type Blocked = { reason: string; message: string; stalled?: boolean };
type Check = (snapshot: AgentSnapshot) => Blocked | undefined;

// One that was made anew under the same name is another mission, whatever it says.
const missionExists: Check = ({ agent, mission }) =>
  mission !== undefined && mission.metadata.deletionTimestamp === undefined && isControlledBy(agent, mission)
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

const secretIsAllowed: Check = ({ mission, secret }) => mission && judgeWorkspace(mission, secret);

const networkIsConfined: Check = ({ network }) => judgeNetwork(network);

// What the last attempt kept may not have been read yet.
const recordIsRead: Check = (snapshot) =>
  currentAttempt(snapshot) === 0 || snapshot.framesAreLive
    ? undefined
    : {
        reason: Reason.RecordingUnhealthy,
        message: "The record of the earlier attempts is being read, or cannot be; the next one goes on from it.",
      };

/** What must hold before a pod is made; the order is that in which people are told. */
const preconditions: readonly Check[] = [
  missionExists,
  modelExists,
  servicesHaveAddresses,
  secretIsAllowed,
  networkIsConfined,
  recordIsRead,
];

const blockedRecheckMs = 30_000;
const startRecheckMs = 60_000;

const waitingPlan = (
  snapshot: AgentSnapshot,
  phase: "Pending" | "Retrying",
  { reason, message, stalled = false }: Blocked,
  recheckMs: number,
): AgentPlan => ({
  phase,
  reason,
  message,
  stalled,
  progress: { kind: "none" },
  acts: releases(snapshot),
  outcome: { kind: "waiting", reason, message, recheckMs },
});

const remainingPauseMs = (snapshot: AgentSnapshot): number => {
  const last = recordedEnd(snapshot);
  if (last?.endTime === undefined) return 0;
  const { failures = 0, disruptions = 0 } = snapshot.agent.status ?? {};
  const pause = pauseMs(last, { failures, disruptions }, snapshot.times);
  return Math.max(0, Date.parse(last.endTime) + pause - snapshot.nowMs);
};

const retryingPlan = (snapshot: AgentSnapshot, waitMs: number): AgentPlan => {
  const { reason = Reason.AttemptFailed, message = "" } = recordedEnd(snapshot) ?? {};
  return waitingPlan(snapshot, "Retrying", { reason, message }, waitMs);
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
    phase: "Starting",
    reason: Reason.PodPending,
    message,
    stalled: false,
    progress: isNew ? { kind: "started", attempt } : { kind: "none" },
    acts: [...releases(snapshot), { kind: "createPod", attempt }],
    outcome: { kind: "waiting", reason: Reason.PodPending, message, recheckMs: startRecheckMs },
  };
};

/** Starts the first attempt, or the one after an attempt that has ended, once its pause is over. */
export const nextAttempt: Step = (snapshot) => {
  const missing = podIsMissing(snapshot);
  if (!missing && !formerIsSettled(snapshot)) return undefined;
  for (const check of preconditions) {
    const blocked = check(snapshot);
    if (blocked !== undefined) return waitingPlan(snapshot, "Pending", blocked, blockedRecheckMs);
  }
  if (missing) return startPlan(snapshot, currentAttempt(snapshot));
  const waitMs = remainingPauseMs(snapshot);
  return waitMs > 0 ? retryingPlan(snapshot, waitMs) : startPlan(snapshot, currentAttempt(snapshot) + 1);
};
