import type { Goal } from "./bench.ts";
import type { Outcome } from "./conduct.ts";

/** How a figure stands to its goal. */
export type Verdict = "aim reached" | "must reached" | "missed" | "told only";

/** The number that a goal is about: the ratio, or our value alone. */
const judged = (outcome: Outcome): number =>
  outcome.goal?.kind.startsWith("value") ? outcome.ours.median : outcome.ratio.median;

const reaches = (goal: Goal, value: number, bound: number): boolean =>
  goal.kind.endsWith("AtLeast") ? value >= bound : value <= bound;

/** Judges by the median of all runs. */
export const verdictOf = (outcome: Outcome): Verdict => {
  const { goal } = outcome;
  if (goal === undefined) return "told only";
  const value = judged(outcome);
  if (reaches(goal, value, goal.aim)) return "aim reached";
  return reaches(goal, value, goal.must) ? "must reached" : "missed";
};

/** A bound as people read it. */
export const renderBound = ({ kind }: Goal, bound: number, unit: string): string =>
  `${kind.endsWith("AtLeast") ? "≥" : "≤"} ${bound.toLocaleString("en")}${kind.startsWith("ratio") ? "×" : ` ${unit}`}`;
