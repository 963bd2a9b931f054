import { Reason } from "#nervous-system/schemas/conditions.ts";
import { currentAttempt, givesUp, pauseMs, recordedEnd, tallyAfter } from "./attempts.ts";
import { releases } from "./phase-finished.ts";
import type { AgentPlan, Phase } from "./plan.ts";
import type { AgentSnapshot } from "./snapshot.ts";
import { judgeEnd, vanished, type PodEnd } from "#operator/pod/end.ts";
import type { PodFacts } from "#operator/pod/facts.ts";
import { hindranceOf, nodeSilenceMs } from "#operator/pod/pending.ts";

/** Attempts of an Agent whose mission cannot be read any more. */
const defaultMaxAttempts = 3;

/** How often a pod that makes no progress is looked at again, in milliseconds. */
const recheckMs = 60_000;

const stoppedForSuspend = (pod: PodFacts): PodEnd => ({
  verdict: "disrupted",
  reason: Reason.Suspended,
  message: `Pod "${pod.name}" was stopped because the mission is suspended.`,
});

const judge = ({ agent, pod }: AgentSnapshot): PodEnd => {
  if (pod === undefined) return vanished;
  const end = judgeEnd(pod);
  const ours = agent.spec.suspend && pod.deletingUntil !== undefined && end.verdict === "disrupted";
  return ours ? stoppedForSuspend(pod) : end;
};

const afterEnd = (
  snapshot: AgentSnapshot,
  end: PodEnd,
): Pick<AgentPlan, "stand" | "reason" | "message" | "stalled" | "outcome"> => {
  if (end.verdict === "succeeded")
    return { stand: "Succeeded", reason: end.reason, message: end.message, stalled: false, outcome: { kind: "done" } };
  const tally = tallyAfter(snapshot.agent.status, end);
  const maxAttempts = snapshot.mission?.spec.retry.maxAttempts ?? defaultMaxAttempts;
  const givenUp = givesUp(end, tally, maxAttempts);
  if (givenUp !== undefined)
    return { stand: "Failed", ...givenUp, stalled: true, outcome: { kind: "stalled", ...givenUp } };
  const waitMs = pauseMs({ reason: end.reason, disruption: end.verdict === "disrupted" }, tally, snapshot.times);
  const { reason, message } = end;
  const stand = reason === Reason.Suspended ? "Suspended" : "Retrying";
  return { stand, reason, message, stalled: false, outcome: { kind: "waiting", reason, message, recheckMs: waitMs } };
};

const hasEnded = ({ agent, pod, podIsLive }: AgentSnapshot): boolean => {
  if (!podIsLive) return false;
  if (pod !== undefined) return pod.ended;
  return agent.status?.podUID !== undefined;
};

/** The pod of the current attempt has ended or is gone: its end goes into the status, then the pod is released. */
export const endOfPod: Phase<AgentSnapshot> = (snapshot) => {
  const attempt = currentAttempt(snapshot);
  if (attempt === 0 || recordedEnd(snapshot) !== undefined || !hasEnded(snapshot)) return undefined;
  const end = judge(snapshot);
  return {
    ...afterEnd(snapshot, end),
    progress: { kind: "ended", end, pod: snapshot.pod },
    acts: releases(snapshot),
  };
};

const livingPod = (snapshot: AgentSnapshot): PodFacts | undefined =>
  recordedEnd(snapshot) === undefined && snapshot.pod?.ended === false ? snapshot.pod : undefined;

/** The pod of the current attempt lives: it works, or something keeps it from working. */
export const alive: Phase<AgentSnapshot> = (snapshot) => {
  const pod = livingPod(snapshot);
  if (pod === undefined) return undefined;
  const hindrance = hindranceOf(pod, snapshot.nowMs);
  const base = { progress: { kind: "alive", pod } as const, acts: releases({ ...snapshot, pod: undefined }) };
  if (hindrance === undefined) {
    const message = `Attempt ${pod.attempt} runs in pod "${pod.name}".`;
    return { ...base, stand: "Running", reason: Reason.PodRunning, message, stalled: false, outcome: { kind: "done" } };
  }
  const { reason, message, stuck } = hindrance;
  const silentAtMs =
    pod.deletingUntil === undefined ? undefined : Date.parse(pod.deletingUntil) + nodeSilenceMs + 1_000;
  const waitMs = silentAtMs === undefined ? recheckMs : Math.max(1_000, silentAtMs - snapshot.nowMs);
  return {
    ...base,
    stand: reason === Reason.Draining ? "Draining" : "Starting",
    reason,
    message,
    stalled: stuck,
    outcome: { kind: "waiting", reason, message, recheckMs: Math.min(recheckMs, waitMs) },
  };
};
