import { describe, expect, it } from "@jest/globals";
import { overBudget, type Budget, type Used } from "./budget.ts";

describe("overBudget", () => {
  it.each<[Budget | undefined, Used | undefined, string | undefined]>([
    [undefined, { frames: 1e9, inputTokens: 1e9, costUSD: "999" }, undefined],
    [{ maxFrames: 10, maxTokens: 10, maxCostUSD: "1" }, undefined, undefined],
    [{ maxFrames: 10 }, { frames: 10 }, undefined],
    [{ maxFrames: 10 }, { frames: 11 }, "It has written 11 frames, and spec.budget.maxFrames allows 10."],
    [{ maxTokens: 10 }, { inputTokens: 7, outputTokens: 3 }, undefined],
    [
      { maxTokens: 10 },
      { inputTokens: 7, outputTokens: 4 },
      "Its models took 11 tokens, and spec.budget.maxTokens allows 10.",
    ],
    [{ maxCostUSD: "0.3" }, { costUSD: "0.30" }, undefined],
    [
      { maxCostUSD: "0.3" },
      { costUSD: "0.300000001" },
      "Its models cost 0.300000001 dollars, and spec.budget.maxCostUSD allows 0.3.",
    ],
  ])("of %j with %j used is %j", (budget, used, told) => {
    expect(overBudget(budget, used)).toBe(told);
  });
});
