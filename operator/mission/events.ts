import { ConditionType, findCondition, Reason } from "#nervous-system/schemas/conditions.ts";
import { doneBy } from "#nervous-system/schemas/held.ts";
import type { Condition } from "#nervous-system/schemas/resources/status-parts.ts";
import type { MissionStatus } from "#nervous-system/schemas/resources/mission.ts";
import { normal, turned, warning, type StatusEvent } from "#operator/status/events.ts";

const admitted = (before: MissionStatus, after: MissionStatus): StatusEvent[] =>
  before.startTime === undefined && after.startTime !== undefined
    ? [normal(Reason.Admitted, "The mission is admitted and recorded; its agents were created.")]
    : [];

const refused = (before: MissionStatus, after: MissionStatus): StatusEvent[] => {
  if (after.phase !== "Pending") return [];
  const told = turned(before.conditions, after.conditions, ConditionType.Ready, "False");
  return told === undefined ? [] : [warning(told.reason, told.message)];
};

const published = (before: MissionStatus, after: MissionStatus): StatusEvent[] => {
  const known = new Map(before.pullRequests?.map(({ url, state }) => [url, state]));
  return (after.pullRequests ?? [])
    .filter(({ url, state }) => known.get(url) !== state)
    .map(({ url, state }) => normal(Reason.Published, `Pull request ${url} is ${state}.`));
};

const verifying = (before: MissionStatus, after: MissionStatus): StatusEvent[] => {
  const run = after.verification;
  return run !== undefined && run.attempt !== before.verification?.attempt
    ? [normal(Reason.Verifying, `Pod "${run.podName}" runs the success criteria on ${run.commit.slice(0, 12)}.`)]
    : [];
};

// A Cancel is told as the end that it is.
const acted = (before: MissionStatus, after: MissionStatus): StatusEvent[] => {
  const { lastIntervention: act } = after;
  if (act === undefined || act.uid === before.lastIntervention?.uid || act.kind === "Cancel") return [];
  const reason = act.kind === "Pause" ? Reason.Paused : Reason.Resumed;
  return [normal(reason, `${reason} ${doneBy(act)}`)];
};

const asked = ({ pendingApprovals: known = [] }: MissionStatus, { pendingApprovals = [], conditions }: MissionStatus) =>
  pendingApprovals.every(({ requestID }) => known.some((one) => one.requestID === requestID))
    ? []
    : [normal(Reason.ApprovalRequired, findCondition(conditions, ConditionType.AwaitingHuman)?.message ?? "")];

// A rejection is told as the end that it is.
const approved = (before: MissionStatus, { decidedApprovals = [] }: MissionStatus): StatusEvent[] =>
  decidedApprovals
    .filter(({ decision, uid }) => decision === "Approved" && !before.decidedApprovals?.some((one) => one.uid === uid))
    .map((decided) => normal(Reason.Approved, `Approved ${doneBy(decided)}`));

// Why it pauses by itself was told once, and where a person was waited for no pod ran.
const stopped = ({ reason, message }: Condition): StatusEvent[] =>
  reason === Reason.ApprovalTimedOut
    ? []
    : [normal(Reason.Suspended, reason === Reason.Suspended ? message : "Its pods are stopped.")];

const paused = (before: MissionStatus, after: MissionStatus): StatusEvent[] => {
  const now = turned(before.conditions, after.conditions, ConditionType.Suspended, "True");
  if (now !== undefined) return stopped(now);
  const isPaused = ({ phase }: MissionStatus): boolean => phase === "Draining" || phase === "Suspended";
  const isTold = before.lastIntervention?.uid !== after.lastIntervention?.uid;
  const resumed = isPaused(before) && !isPaused(after) && !isTold && after.phase !== "Failed";
  return resumed ? [normal(Reason.Resumed, "The mission goes on.")] : [];
};

const ended = (before: MissionStatus, after: MissionStatus): StatusEvent[] => {
  const complete = turned(before.conditions, after.conditions, ConditionType.Complete, "True");
  if (complete !== undefined) return [normal(complete.reason, complete.message)];
  const failed = turned(before.conditions, after.conditions, ConditionType.Failed, "True");
  return failed === undefined ? [] : [warning(failed.reason, failed.message)];
};

// A refusal and an end have Events of their own.
const heldUp = (before: MissionStatus, after: MissionStatus): StatusEvent[] => {
  if (after.phase === "Pending" || after.phase === "Failed") return [];
  const told = turned(before.conditions, after.conditions, ConditionType.Stalled, "True");
  return told === undefined ? [] : [warning(told.reason, told.message)];
};

// What pauses the mission for it is told as what holds it up.
const stuck = (before: MissionStatus, after: MissionStatus): StatusEvent[] => {
  const told = turned(before.conditions, after.conditions, ConditionType.Stuck, "True");
  const isPaused = findCondition(after.conditions, ConditionType.Stalled)?.reason === told?.reason;
  return told === undefined || isPaused ? [] : [warning(told.reason, told.message)];
};

/** What happened between two statuses of a Mission, as Events. */
export const missionEvents = (before: MissionStatus, after: MissionStatus): StatusEvent[] => [
  ...admitted(before, after),
  ...refused(before, after),
  ...stuck(before, after),
  ...heldUp(before, after),
  ...asked(before, after),
  ...approved(before, after),
  ...acted(before, after),
  ...paused(before, after),
  ...published(before, after),
  ...verifying(before, after),
  ...ended(before, after),
];
