import { ConditionType, findCondition, Reason, type DecidedCondition } from "#nervous-system/schemas/conditions.ts";
import type { MissionStatus } from "#nervous-system/schemas/resources/mission.ts";
import type { MissionPlan } from "#operator/mission/plan.ts";
import type { RecordHealth } from "#operator/frames/view.ts";

const maxMessage = 2048;

const cut = (text: string): string => (text.length <= maxMessage ? text : `${text.slice(0, maxMessage - 1)}…`);

const admissionOrder = [ConditionType.Accepted, ConditionType.ResolvedRefs] as const;

// The checks run in the order of the conditions, so whatever stands before the refused one holds.
const ofAdmission = (plan: MissionPlan, before: MissionStatus): DecidedCondition[] => {
  const { refused, reason } = plan;
  const message = cut(plan.message);
  const neverAdmitted = before.startTime === undefined && plan.stand !== "Running";
  const list: DecidedCondition[] = [];
  for (const type of admissionOrder) {
    if (refused === type) return [...list, { type, status: "False", reason, message }];
    const old = findCondition(before.conditions, type);
    if (refused === undefined && neverAdmitted && old?.status !== "True") return list;
    const holds = type === ConditionType.Accepted ? "The spec can be worked on." : "Every reference was found.";
    const told = type === ConditionType.Accepted ? Reason.Admitted : Reason.Resolved;
    list.push({ type, status: "True", reason: told, message: holds });
  }
  return list;
};

const ofRecord = (record: RecordHealth): DecidedCondition =>
  record.healthy
    ? { type: ConditionType.Recording, status: "True", reason: Reason.Recording, message: "Frames are stored." }
    : {
        type: ConditionType.Recording,
        status: "False",
        reason: Reason.RecordingUnhealthy,
        message: cut(record.message),
      };

const isReady = ({ stand, stalled }: MissionPlan): boolean =>
  stand === "Complete" || (!stalled && (stand === "Running" || stand === "Publishing" || stand === "Verifying"));

/** Every condition of the Mission; `Reconciling`, `Stalled` and the ends are there only while true. */
export const missionConditions = (
  plan: MissionPlan,
  before: MissionStatus,
  record: RecordHealth,
): DecidedCondition[] => {
  const told = { reason: plan.reason, message: cut(plan.message) };
  const as = (type: ConditionType): DecidedCondition => ({ type, status: "True", ...told });
  const finished = plan.stand === "Complete" || plan.stand === "Failed";
  const kept = findCondition(before.conditions, ConditionType.Recording);
  const list: DecidedCondition[] = [
    { type: ConditionType.Ready, status: isReady(plan) ? "True" : "False", ...told },
    ...ofAdmission(plan, before),
  ];
  // While the observer reads the past it knows nothing new, and a finished mission's record is judged no more.
  const asBefore = finished || (record.starting === true && kept !== undefined);
  if (!asBefore) list.push(ofRecord(record));
  else if (kept !== undefined) list.push({ ...kept, type: ConditionType.Recording });
  if (plan.stand === "Pending" && !plan.stalled) list.push(as(ConditionType.Reconciling));
  if (plan.stalled) list.push(as(ConditionType.Stalled));
  if (plan.stand === "Complete") list.push(as(ConditionType.Complete));
  if (plan.stand === "Failed") list.push(as(ConditionType.Failed));
  if (plan.stand === "Suspended" && plan.reason === Reason.Suspended) list.push(as(ConditionType.Suspended));
  return list;
};
