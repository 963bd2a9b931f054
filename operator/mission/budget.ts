import { isFinished, Reason } from "#nervous-system/schemas/conditions.ts";
import { endingPlan, type MissionAct, type Step } from "#operator/mission/plan.ts";

/** A mission that has written more than it may ends, and its agents are stopped; what they wrote stays. */
export const budget: Step = ({ mission, agents, fold }) => {
  const { maxFrames } = mission.spec.budget ?? {};
  const frames = fold?.usage.frames ?? 0;
  const working = [...agents.values()].filter(({ status }) => !isFinished(status?.conditions));
  if (maxFrames === undefined || frames <= maxFrames || working.length === 0) return undefined;
  const acts = working
    .filter(({ spec }) => !spec.suspend)
    .map((agent): MissionAct => ({ kind: "suspendAgent", agent, suspend: true }));
  const message = `It has written ${frames} frames, and spec.budget.maxFrames allows ${maxFrames}.`;
  return { ...endingPlan("Failed", { reason: Reason.BudgetExceeded, message }), acts };
};
