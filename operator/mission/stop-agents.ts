import { ConditionType, isFinished, isTrue } from "#nervous-system/schemas/conditions.ts";
import type { MissionAct, MissionSnapshot } from "#operator/mission/plan.ts";

/** What stops the agents that have not finished, and how many of them are not drained yet. */
export type Stopped = { readonly acts: readonly MissionAct[]; readonly draining: number };

/** Suspends the agents that have not finished. */
export const stopAgents = ({ agents }: Pick<MissionSnapshot, "agents">): Stopped => {
  const unfinished = [...agents.values()].filter(({ status }) => !isFinished(status?.conditions));
  return {
    acts: unfinished
      .filter(({ spec }) => !spec.suspend)
      .map((agent) => ({ kind: "suspendAgent", agent, suspend: true })),
    draining: unfinished.filter(({ status }) => !isTrue(status?.conditions, ConditionType.Suspended)).length,
  };
};
