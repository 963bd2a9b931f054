import type { PublicationFold } from "#nervous-system/fold/state.ts";
import { activeMs } from "#nervous-system/schemas/active-time.ts";
import { ConditionType, isTrue, mergeConditions } from "#nervous-system/schemas/conditions.ts";
import type { MissionStatus } from "#nervous-system/schemas/resources/mission.ts";
import { anyRuns, workedUntilMs } from "#operator/mission/at-work.ts";
import { missionConditions, type Watched } from "#operator/mission/conditions.ts";
import type { RecordHealth } from "#operator/frames/view.ts";
import type { Ending, MissionPlan, MissionSnapshot } from "#operator/mission/plan.ts";
import { stillPending } from "#operator/mission/approvals.ts";
import { answersOf } from "#operator/mission/publication.ts";
import { unrecordedAgents, whyLost } from "#operator/mission/recording-loss.ts";
import { whyStuck } from "#operator/mission/stuck.ts";
import { missionTraceId } from "#nervous-system/schemas/traces.ts";
import { kubeTime, observedOf, usageAfter } from "#operator/status/fields.ts";

// Throughout, a member that is undefined is one that is absent: the merge patch removes it, or never names it.

/** The verifier pod that this reconcile made or found. */
export type MadeVerifier = { attempt: number; podName: string; podUID: string; commit: string };

const maxPullRequests = 20;

type PullRequest = NonNullable<MissionStatus["pullRequests"]>[number];

// The publisher leaves number and head empty where the forge did not get that far.
const pullRequestOf = ({ url, number, head, state, atMs }: PublicationFold): PullRequest => ({
  url,
  number: number === 0 ? undefined : number,
  headSHA: head === "" ? undefined : head,
  state,
  seenTime: kubeTime(atMs),
});

const pullRequestsOf = (snapshot: MissionSnapshot, before: MissionStatus): PullRequest[] | undefined => {
  const found = answersOf(snapshot).map(({ publication }) => publication);
  const opened = found.filter(({ url }) => url !== "").map(pullRequestOf);
  // A list-map by url: the last word about a pull request counts.
  const byUrl = new Map([...(before.pullRequests ?? []), ...opened].map((pr) => [pr.url, pr]));
  return byUrl.size === 0 ? undefined : [...byUrl.values()].slice(-maxPullRequests);
};

const counts = ({ agents, mission }: MissionSnapshot) => {
  const all = [...agents.values()];
  const having = (type: ConditionType): number => all.filter(({ status }) => isTrue(status?.conditions, type)).length;
  const succeeded = having(ConditionType.Complete);
  const failed = having(ConditionType.Failed);
  return {
    activeAgents: all.length - succeeded - failed - having(ConditionType.Suspended),
    succeededAgents: succeeded,
    failedAgents: failed,
    agentsSummary: `${succeeded}/${mission.spec.team.length}`,
  };
};

const ledgerOf = (
  { fold, record, mission }: MissionSnapshot,
  { ledger }: MissionStatus,
): NonNullable<MissionStatus["ledger"]> => ({
  // Where a rebuilt observer starts to read: nothing of this mission can be in the stream before its admission.
  ...(ledger?.firstSeq === undefined
    ? { firstSeq: record.position + 1, stream: record.mark?.stream, hash: record.mark?.hash }
    : { firstSeq: ledger.firstSeq, stream: ledger.stream, hash: ledger.hash }),
  lastSeq: fold?.lastSeq ?? ledger?.lastSeq,
  traceID: missionTraceId(mission.metadata.uid),
});

const verificationOf = (
  { verifierExitCode }: MissionPlan,
  { verification }: MissionStatus,
  made: MadeVerifier | undefined,
): MissionStatus["verification"] => {
  if (made !== undefined || verification === undefined) return made;
  return { ...verification, exitCode: verifierExitCode ?? verification.exitCode };
};

const outcomeOf = ({ reason, message, evidence }: Ending): MissionStatus["outcome"] => ({
  reason: reason.slice(0, 128),
  message: message.slice(0, 4096),
  evidence: evidence?.slice(0, 4096),
});

const isAdmitted = ({ phase }: MissionPlan, { startTime }: MissionStatus): boolean =>
  startTime !== undefined || phase === "Running";

/** Time at work is summed up where the work pauses or ends; while it goes on the status stays as it is. */
const activeOf = (
  { phase, stalled }: MissionPlan,
  snapshot: MissionSnapshot,
): Pick<MissionStatus, "activeSeconds" | "activeSince"> => {
  const { mission, nowMs } = snapshot;
  const { activeSeconds, activeSince } = mission.status ?? {};
  const untilMs = workedUntilMs(snapshot);
  const goesOn = phase === "Running" && (!stalled || anyRuns(snapshot.agents.values())) && untilMs === nowMs;
  if (goesOn) return { activeSeconds, activeSince: activeSince ?? kubeTime(nowMs) };
  if (activeSince === undefined) return { activeSeconds, activeSince };
  return { activeSeconds: Math.round(activeMs(mission.status, untilMs) / 1_000), activeSince: undefined };
};

/** What waits for a person, as long as the mission does. */
const pendingOf = (plan: MissionPlan, { mission }: MissionSnapshot): MissionStatus["pendingApprovals"] => {
  const left = isOver(plan) ? [] : (plan.asks ?? stillPending(mission));
  return left.length === 0 ? undefined : [...left];
};

const isOver = ({ phase }: MissionPlan): boolean => phase === "Complete" || phase === "Failed";

/** A mission is recorded where each of its agents at work is, and not by what the operator hears alone. */
const recordOf = (snapshot: MissionSnapshot): RecordHealth => {
  const { record } = snapshot;
  const [first] = record.healthy ? unrecordedAgents(snapshot) : [];
  if (first === undefined) return record;
  return { ...record, healthy: false, message: `Agent "${first.agent.metadata.name}": ${first.told.message}` };
};

const watchedOf = (snapshot: MissionSnapshot, plan: MissionPlan): Watched => ({
  record: recordOf(snapshot),
  stuck: isOver(plan) ? undefined : whyStuck(snapshot),
  lost: isOver(plan) ? undefined : whyLost(snapshot),
});

/** The whole status that the plan leads to, from the status before, what the frames tell, and nothing else. */
export const computeMissionStatus = (
  snapshot: MissionSnapshot,
  plan: MissionPlan,
  made?: MadeVerifier,
): MissionStatus => {
  const { mission, fold, record, nowMs } = snapshot;
  const before = mission.status ?? {};
  const observed = observedOf(mission);
  const now = kubeTime(nowMs);
  const at = { now, generation: observed.observedGeneration };
  return {
    ...before,
    ...observed,
    ...counts(snapshot),
    conditions: mergeConditions(before.conditions, missionConditions(plan, before, watchedOf(snapshot, plan)), at),
    phase: plan.phase,
    ...(isAdmitted(plan, before) ? { startTime: before.startTime ?? now, ledger: ledgerOf(snapshot, before) } : {}),
    ...(isOver(plan) ? { completionTime: before.completionTime ?? now } : {}),
    ...(plan.ending === undefined ? {} : { outcome: outcomeOf(plan.ending) }),
    ...activeOf(plan, snapshot),
    usage: usageAfter(before.usage, fold?.usage, record.mark?.stream),
    pullRequests: pullRequestsOf(snapshot, before),
    pendingApprovals: pendingOf(plan, snapshot),
    verification: verificationOf(plan, before, made),
  };
};
