import type { MissionSnapshot } from "#operator/mission/plan.ts";

type Referring = Pick<MissionSnapshot, "mission" | "models">;

/** Names of the Models that the team thinks with, each once. */
export const modelNames = ({ mission }: Pick<MissionSnapshot, "mission">): readonly string[] => [
  ...new Set(mission.spec.team.map(({ modelRef }) => modelRef.name)),
];

/** Why the mission's bound of money would bound nothing, and what to do; undefined where it does, or there is none. */
export const whyUnpriced = ({ mission, models }: Referring): string | undefined => {
  if (mission.spec.budget?.maxCostUSD === undefined) return undefined;
  const free = modelNames({ mission }).find((name) => models.has(name) && models.get(name)?.spec.pricing === undefined);
  return free === undefined
    ? undefined
    : `budget.maxCostUSD needs prices, and Model "${free}" has none: add spec.pricing to it, or bound the mission by maxTokens.`;
};
