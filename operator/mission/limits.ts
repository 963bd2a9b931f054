import { durationMs } from "#nervous-system/kernel/duration.ts";
import { activeMs } from "#nervous-system/schemas/active-time.ts";
import { overBudget } from "#nervous-system/schemas/budget.ts";
import { isFinished, Reason } from "#nervous-system/schemas/conditions.ts";
import { awaitsEnds, workedUntilMs } from "#operator/mission/at-work.ts";
import { endingPlan, waitingPlan, type MissionPlan, type MissionSnapshot, type Step } from "#operator/mission/plan.ts";
import { stopAgents, type Stopped } from "#operator/mission/stop-agents.ts";
import { usageAfter } from "#operator/status/fields.ts";

/** How long agents may be at work from now on, milliseconds; infinite without a deadline. */
export const leftMs = (snapshot: MissionSnapshot): number => {
  const { status, spec } = snapshot.mission;
  if (spec.deadline === undefined) return Number.POSITIVE_INFINITY;
  return durationMs(spec.deadline) - activeMs(status, workedUntilMs(snapshot));
};

const pauseRecheckMs = 60_000;

const pause = (message: string, { acts, draining }: Stopped): MissionPlan =>
  waitingPlan(
    {
      phase: draining === 0 ? "Suspended" : "Draining",
      reason: Reason.BudgetExceeded,
      message: `${message} Raise it, and the mission goes on; or delete the mission.`,
      stalled: true,
      pauses: true,
      acts,
    },
    pauseRecheckMs,
  );

/** A mission at work that used more than it may is paused, or ends, and its agents are stopped; what they wrote stays. */
export const limits: Step = (snapshot) => {
  const { mission, agents } = snapshot;
  if ([...agents.values()].every(({ status }) => isFinished(status?.conditions))) return undefined;
  const stopped = stopAgents(snapshot);
  if (leftMs(snapshot) <= 0 && !awaitsEnds(snapshot)) {
    const message = `Its agents were at work for as long as spec.deadline allows, ${mission.spec.deadline}.`;
    return { ...endingPlan("Failed", { reason: Reason.DeadlineExceeded, message }), acts: stopped.acts };
  }
  // An operator that has just started knows less than the status, until it has read the stream.
  const over = overBudget(mission.spec.budget, usageAfter(mission.status?.usage, snapshot.fold?.usage));
  if (over === undefined) return undefined;
  if (mission.spec.budget?.onExceeded === "Pause") return pause(over, stopped);
  return { ...endingPlan("Failed", { reason: Reason.BudgetExceeded, message: over }), acts: stopped.acts };
};
