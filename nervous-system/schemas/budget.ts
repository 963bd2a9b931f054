import { nanoUsdOf, renderUsd } from "#nervous-system/schemas/usd.ts";

/** What a mission may use; without a member as much as it likes. */
export type Budget = {
  readonly maxFrames?: number | undefined;
  readonly maxTokens?: number | undefined;
  readonly maxCostUSD?: string | undefined;
};

/** What a mission used, as its status tells it. */
export type Used = {
  readonly frames?: number | undefined;
  readonly inputTokens?: number | undefined;
  readonly outputTokens?: number | undefined;
  readonly costUSD?: string | undefined;
};

type Check = (budget: Budget, used: Used) => string | undefined;

const overFrames: Check = ({ maxFrames = Infinity }, { frames = 0 }) =>
  frames > maxFrames ? `It has written ${frames} frames, and spec.budget.maxFrames allows ${maxFrames}.` : undefined;

const overTokens: Check = ({ maxTokens = Infinity }, { inputTokens = 0, outputTokens = 0 }) => {
  const tokens = inputTokens + outputTokens;
  return tokens > maxTokens
    ? `Its models took ${tokens} tokens, and spec.budget.maxTokens allows ${maxTokens}.`
    : undefined;
};

const overCost: Check = ({ maxCostUSD }, { costUSD = "0" }) =>
  maxCostUSD !== undefined && nanoUsdOf(costUSD) > nanoUsdOf(maxCostUSD)
    ? `Its models cost ${renderUsd(nanoUsdOf(costUSD))} dollars, and spec.budget.maxCostUSD allows ${maxCostUSD}.`
    : undefined;

/** What of a budget is exceeded, for people; undefined for nothing. */
export const overBudget = (budget: Budget = {}, used: Used = {}): string | undefined =>
  overFrames(budget, used) ?? overTokens(budget, used) ?? overCost(budget, used);
