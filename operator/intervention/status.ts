import { ConditionType, mergeConditions, Reason, type DecidedCondition } from "#nervous-system/schemas/conditions.ts";
import type { InterventionStatus } from "#nervous-system/schemas/resources/intervention.ts";
import { cut } from "#nervous-system/kernel/cut.ts";
import type { InterventionPlan, InterventionSnapshot } from "#operator/intervention/decide.ts";
import { normal, turned, warning, type StatusEvent } from "#operator/status/events.ts";
import { kubeTime, observedOf } from "#operator/status/fields.ts";

const maxMessage = 2048;

/** What stands is the wish fulfilled, by whomever. */
const isFulfilled = ({ phase }: InterventionPlan): boolean => phase === "Applied" || phase === "Superseded";

const headline = (plan: InterventionPlan): DecidedCondition[] => {
  const told = { reason: plan.reason ?? "", message: cut(plan.message ?? "", maxMessage) };
  const as = (type: ConditionType): DecidedCondition => ({ type, status: "True", ...told });
  if (isFulfilled(plan)) return [as(ConditionType.Ready), as(ConditionType.Complete)];
  const unready: DecidedCondition = { type: ConditionType.Ready, status: "False", ...told };
  return plan.phase === "Pending"
    ? [unready, as(ConditionType.Reconciling)]
    : [unready, as(ConditionType.Stalled), as(ConditionType.Failed)];
};

const recording = ({ record }: InterventionSnapshot, seq: number | undefined): DecidedCondition => {
  const type = ConditionType.Recording;
  if (seq !== undefined)
    return { type, status: "True", reason: Reason.RecordComplete, message: "The record tells of it." };
  const isAway = !record.healthy && record.starting !== true;
  const message = isAway ? record.message : "Its frame is not in the stream yet.";
  return { type, status: "False", reason: Reason.RecordingUnhealthy, message: cut(message, maxMessage) };
};

/** The whole status that the plan leads to; undefined where it stays as it is. */
export const computeInterventionStatus = (
  snapshot: InterventionSnapshot,
  plan: InterventionPlan,
): InterventionStatus | undefined => {
  if (plan.phase === undefined) return undefined;
  const { intervention, place, nowMs } = snapshot;
  const before = intervention.status ?? {};
  const observed = observedOf(intervention);
  const appliedSeq = before.appliedSeq ?? place;
  const decided = [...headline(plan), ...(plan.phase === "Applied" ? [recording(snapshot, appliedSeq)] : [])];
  const at = { now: kubeTime(nowMs), generation: observed.observedGeneration };
  return {
    ...before,
    ...observed,
    conditions: mergeConditions(before.conditions, decided, at),
    phase: plan.phase,
    message: cut(plan.message ?? "", maxMessage),
    ...(plan.phase === "Applied" ? { appliedSeq } : {}),
  };
};

/** What happened between two statuses of an act, as Events; what it did to its mission is told there. */
export const interventionEvents = (before: InterventionStatus, after: InterventionStatus): StatusEvent[] => {
  const failed = turned(before.conditions, after.conditions, ConditionType.Failed, "True");
  if (failed !== undefined) return [warning(failed.reason, failed.message)];
  const complete = turned(before.conditions, after.conditions, ConditionType.Complete, "True");
  return complete === undefined ? [] : [normal(complete.reason, complete.message)];
};
