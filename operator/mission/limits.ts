import { durationMs } from "#nervous-system/kernel/duration.ts";
import { activeMs } from "#nervous-system/schemas/active-time.ts";
import { overBudget } from "#nervous-system/schemas/budget.ts";
import { ConditionType, findCondition, isFinished, Reason } from "#nervous-system/schemas/conditions.ts";
import { awaitsEnds, workedUntilMs } from "#operator/mission/at-work.ts";
import { whyUnpriced } from "#operator/mission/models.ts";
import { endingPlan, waitingPlan, type MissionPlan, type MissionSnapshot, type Step } from "#operator/mission/plan.ts";
import { whyLost } from "#operator/mission/recording-loss.ts";
import { stopAgents, type Stopped } from "#operator/mission/stop-agents.ts";
import { pausesForStuck, whyStuck } from "#operator/mission/stuck.ts";
import { usageAfter } from "#operator/status/fields.ts";

/** How long agents may be at work from now on, milliseconds; infinite without a deadline. */
export const leftMs = (snapshot: MissionSnapshot): number => {
  const { status, spec } = snapshot.mission;
  if (spec.deadline === undefined) return Number.POSITIVE_INFINITY;
  return durationMs(spec.deadline) - activeMs(status, workedUntilMs(snapshot));
};

const pauseRecheckMs = 60_000;

type Pausing = Pick<MissionPlan, "reason" | "message" | "refused">;

const pause = (why: Pausing, { acts, draining }: Stopped): MissionPlan =>
  waitingPlan(
    { ...why, phase: draining === 0 ? "Suspended" : "Draining", stalled: true, pauses: true, acts },
    pauseRecheckMs,
  );

const raiseIt = "Raise it, and the mission goes on; or delete the mission.";

// Prices may be taken away, and a bound of money may come later than the agents: it would bound nothing then.
const unpriced = (snapshot: MissionSnapshot, stopped: Stopped): MissionPlan | undefined => {
  const why = whyUnpriced(snapshot);
  if (why === undefined) return undefined;
  const message = `${why} The mission is paused until then.`;
  return pause({ reason: Reason.ModelNotPriced, message, refused: "ResolvedRefs" }, stopped);
};

/*
 * What pauses by what its agents did is told before they are stopped: what they do while they end, and that they do nothing
 * afterwards, must not let it go on, nor an operator that starts anew.
 */
const pauseAsTold = (
  type: ConditionType,
  { mission }: MissionSnapshot,
  why: Pausing,
  stopped: Stopped,
): MissionPlan => {
  const told = findCondition(mission.status?.conditions, type);
  return pause(why, told?.reason === why.reason ? stopped : { ...stopped, acts: [] });
};

const letGo = "It goes on with the next attempt once a person resumes it (enchanted resume)";

const stuckPause = (snapshot: MissionSnapshot, stopped: Stopped): MissionPlan | undefined => {
  const why = whyStuck(snapshot);
  if (why === undefined || !pausesForStuck(snapshot)) return undefined;
  const message = `${why.message} ${letGo}, or spec.stuck.action is Warn.`;
  return pauseAsTold(ConditionType.Stuck, snapshot, { ...why, message }, stopped);
};

const lossPause = (snapshot: MissionSnapshot, stopped: Stopped): MissionPlan | undefined => {
  const why = whyLost(snapshot);
  if (why === undefined) return undefined;
  const message = `${why.message} ${letGo}, or spec.recording.onLoss is Continue.`;
  return pauseAsTold(ConditionType.Recording, snapshot, { ...why, message }, stopped);
};

// An operator that has just started knows less than the status, until it has read the stream.
const whyOver = ({ mission: { spec, status }, fold, record }: MissionSnapshot): string | undefined =>
  overBudget(spec.budget, usageAfter(status?.usage, fold?.usage, record.mark?.stream));

/** A mission at work that used more than it may, is stuck or is not recorded pauses, or ends, and its agents are stopped; what they wrote stays. */
export const limits: Step = (snapshot) => {
  const { mission, agents } = snapshot;
  if ([...agents.values()].every(({ status }) => isFinished(status?.conditions))) return undefined;
  const stopped = stopAgents(snapshot);
  if (leftMs(snapshot) <= 0 && !awaitsEnds(snapshot)) {
    const message = `Its agents were at work for as long as spec.deadline allows, ${mission.spec.deadline}.`;
    return { ...endingPlan("Failed", { reason: Reason.DeadlineExceeded, message }), acts: stopped.acts };
  }
  const over = whyOver(snapshot);
  if (over === undefined)
    return unpriced(snapshot, stopped) ?? stuckPause(snapshot, stopped) ?? lossPause(snapshot, stopped);
  if (mission.spec.budget?.onExceeded === "Pause")
    return pause({ reason: Reason.BudgetExceeded, message: `${over} ${raiseIt}` }, stopped);
  return { ...endingPlan("Failed", { reason: Reason.BudgetExceeded, message: over }), acts: stopped.acts };
};
