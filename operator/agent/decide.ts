import { ConditionType, findCondition, isFinished, isTrue, Reason } from "#nervous-system/schemas/conditions.ts";
import type { Agent } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { doneBy, pauseOf, waitsForPerson } from "#nervous-system/schemas/held.ts";
import { observeFinalizer } from "#nervous-system/schemas/names.ts";
import { alive, endOfPod, nextAttempt, releases } from "#operator/agent/attempt-steps.ts";
import { livingPod } from "#operator/agent/attempts.ts";
import { lingers } from "#operator/agent/lingering.ts";
import type { AgentAct, AgentPlan, AgentSnapshot, AgentTimes, Step } from "#operator/agent/plan.ts";
import { hasRun, howEnded, type PodFacts } from "#operator/pod/facts.ts";
import { nodeSilenceMs } from "#operator/pod/pending.ts";
import { parseScribeEnd } from "#operator/pod/termination.ts";

/** How much longer than the drain a deletion waits for the end of a pod, in milliseconds. */
const letGoAfterMs = 60_000;

/** When an Agent that is being deleted is let go, whatever became of its pods, Unix milliseconds; nothing while it is not held. */
export const letGoAtMs = ({ metadata }: Agent, { drainMs }: Pick<AgentTimes, "drainMs">): number | undefined =>
  metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(observeFinalizer) === true
    ? Date.parse(metadata.deletionTimestamp) + drainMs + letGoAfterMs
    : undefined;

const recheckMs = 5_000;

const podsOf = ({ pod, earlierPods }: AgentSnapshot): readonly PodFacts[] =>
  pod === undefined ? earlierPods : [...earlierPods, pod];

const gapOf = (pod: PodFacts): AgentAct[] => {
  const end = parseScribeEnd(pod.scribe?.terminated?.message);
  if (end !== undefined && end.ackedSeq >= end.lastSeq) return [];
  if (!hasRun(pod.scribe)) return [];
  const message =
    end === undefined
      ? `Pod "${pod.name}" ended without a word of its scribe${howEnded(pod.scribe)}: the end of its record may be missing.`
      : `Pod "${pod.name}" wrote ${end.lastSeq} frames and the stream confirmed ${end.ackedSeq}: the rest may be missing from the record.`;
  return [{ kind: "warnOfGap", message }];
};

const release = (pods: readonly PodFacts[]): AgentAct[] => [
  ...pods.flatMap((pod): AgentAct[] => (pod.held ? [...gapOf(pod), { kind: "releasePod", pod }] : [])),
  { kind: "releaseAgent" },
];

const plan = (fields: Pick<AgentPlan, "acts" | "message" | "outcome">): AgentPlan => ({
  phase: "Draining",
  reason: Reason.Draining,
  stalled: false,
  progress: { kind: "none" },
  ...fields,
});

/** An Agent that is being deleted: its pods are stopped, their scribes drain, and then it is let go, whatever happens. */
const deletion: Step = (snapshot) => {
  const { metadata } = snapshot.agent;
  if (metadata.deletionTimestamp === undefined) return undefined;
  const limitMs = letGoAtMs(snapshot.agent, snapshot.times);
  if (limitMs === undefined) return plan({ acts: [], message: "It is going.", outcome: { kind: "done" } });
  const pods = podsOf(snapshot);
  const living = pods.filter(({ ended }) => !ended);
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

/** An Agent that succeeded or gave up is never run again. */
const finished: Step = (snapshot) => {
  const conditions = snapshot.agent.status?.conditions;
  const complete = isTrue(conditions, ConditionType.Complete);
  if (!complete && !isTrue(conditions, ConditionType.Failed)) return undefined;
  const told = findCondition(conditions, complete ? ConditionType.Complete : ConditionType.Failed);
  return {
    phase: complete ? "Succeeded" : "Failed",
    reason: told?.reason ?? "",
    message: told?.message ?? "",
    stalled: !complete,
    progress: { kind: "none" },
    acts: releases(snapshot),
    outcome: { kind: "done" },
  };
};

type Told = { readonly reason: string; readonly message: string };

const heldBy: ReadonlySet<string> = new Set([
  Reason.BudgetExceeded,
  Reason.DeadlineExceeded,
  Reason.ModelNotPriced,
  Reason.Cancelled,
  ...waitsForPerson,
]);

/** A mission that used more than it may, is stuck, unrecorded, paused or cancelled has its agents suspended: until a person lets it go on, or for good. */
const whySuspended = ({ mission }: AgentSnapshot): Told => {
  const told = (type: ConditionType, words: string): Told | undefined => {
    const found = findCondition(mission?.status?.conditions, type);
    if (found?.status !== "True" || !heldBy.has(found.reason)) return undefined;
    return { reason: found.reason, message: `Its mission ${words}: ${found.message}` };
  };
  const pause = mission && pauseOf(mission);
  return (
    told(ConditionType.Failed, "is over") ??
    told(ConditionType.Stalled, "waits") ??
    (pause && { reason: Reason.Paused, message: `Its mission is paused ${doneBy(pause)}` }) ?? {
      reason: Reason.Suspended,
      message: "No pod runs until suspend is false again.",
    }
  );
};

/** A suspended Agent: its pod is stopped and none is made. */
const suspended: Step = (snapshot) => {
  if (!snapshot.agent.spec.suspend) return undefined;
  const living = livingPod(snapshot);
  if (living === undefined)
    return {
      phase: "Suspended",
      ...whySuspended(snapshot),
      // For good, so that nobody waits for it.
      stalled: isFinished(snapshot.mission?.status?.conditions),
      progress: { kind: "none" },
      acts: releases(snapshot),
      outcome: { kind: "done" },
    };
  // A node that stays silent is told of by the step about living pods.
  if (living.deletingUntil !== undefined && snapshot.nowMs > Date.parse(living.deletingUntil) + nodeSilenceMs)
    return undefined;
  const message = `Pod "${living.name}" is being stopped, because the Agent is suspended.`;
  return {
    phase: "Draining",
    reason: Reason.Draining,
    message,
    stalled: false,
    progress: { kind: "alive", pod: living },
    acts: living.deletingUntil === undefined ? [{ kind: "deletePod", pod: living }] : [],
    outcome: { kind: "waiting", reason: Reason.Draining, message, recheckMs: nodeSilenceMs },
  };
};

/*
 *            attempt n persisted     pod n seen            pod n terminal or gone (live GET)
 *  Pending ────────────────────> Starting ──> Running ──────────────────────────────> end recorded, pod n released
 *     ^                                                                                   │
 *     └───────────── after the pause, attempt n+1 ───────────── Retrying <────────────────┤
 *                                                      Succeeded | Failed <───────────────┘
 *
 *  step         answers when                          phase                              acts
 *  deletion     it is being deleted                   Draining                           stop its pods; once drained or late: let go
 *  finished     it is Complete or Failed              Succeeded, Failed                  let go what a crash left held
 *  endOfPod     pod n ended, not yet recorded         Succeeded, Failed, Retrying,       let go of pod n
 *                                                     Suspended
 *  suspended    spec.suspend, and no silent node      Suspended, Draining                stop pod n
 *  lingers      another's container outlives the      Draining                           stop pod n
 *               agent
 *  alive        pod n lives                           Starting, Running, Draining        none
 *  nextAttempt  pod n is settled, or was never made   Pending, Retrying, Starting        make pod n+1, or n
 */
const steps: readonly Step[] = [deletion, finished, endOfPod, suspended, lingers, alive, nextAttempt];

/** Decides what happens to an Agent next: the first step that answers. */
export const decideAgent = (snapshot: AgentSnapshot): AgentPlan => {
  for (const step of steps) {
    const plan = step(snapshot);
    if (plan !== undefined) return plan;
  }
  return {
    phase: "Pending",
    reason: Reason.PodPending,
    message: "Nothing is to be done.",
    stalled: false,
    progress: { kind: "none" },
    acts: [],
    outcome: { kind: "done" },
  };
};
