import * as z from "zod";
import { duration, withRules } from "#nervous-system/schemas/resources/define-resource.ts";
import { usdPattern } from "#nervous-system/schemas/usd.ts";

/** What a mission may use. */
export const budget = withRules(
  z
    .object({
      maxFrames: z
        .int32()
        .min(1)
        .max(2_147_483_647)
        .describe("Frames of the mission, its model calls included.")
        .optional(),
      maxTokens: z
        .int()
        .min(1)
        .max(Number.MAX_SAFE_INTEGER)
        .describe("Tokens that its models take and answer, together.")
        .optional(),
      maxCostUSD: z
        .string()
        .max(16)
        .regex(usdPattern)
        .describe('Dollars that its models cost, by their prices, such as "20" or "0.5".')
        .optional(),
      onExceeded: z
        .enum(["Fail", "Pause"])
        .default("Fail")
        .describe(
          "What becomes of a mission that has used more: Fail, it ends; Pause, it waits until the budget is raised. Either way its pods are stopped.",
        ),
    })
    .describe("What the mission may use."),
  {
    rule: "has(self.maxFrames) || has(self.maxTokens) || has(self.maxCostUSD)",
    message: "a budget names maxFrames, maxTokens or maxCostUSD",
  },
);

/** For how long its agents may be at work. */
export const deadline = withRules(
  duration(
    "For how long its agents may be at work, such as 90m; time in which it is suspended or waits does not count. Then it fails and its pods are stopped.",
  ),
  {
    rule: "self.matches('^([0-9]+(ms|s|m|h))+$') && duration(self) >= duration('1m')",
    message: "a deadline is a minute at least, of h, m and s, such as 90m or 2h30m; two days are 48h",
  },
);

/** When an agent at work is taken for stuck. */
export const stuck = z
  .object({
    repeatedActionLimit: z
      .int32()
      .min(2)
      .max(100)
      .default(5)
      .describe(
        "How often in a row an agent may do the very same, or make the same changes of files in turn, until it is taken for stuck.",
      ),
    idle: withRules(
      duration("For how long an agent at work may do nothing, such as 15m, until it is taken for stuck."),
      { rule: "duration(self) >= duration('1m')", message: "idle is a minute at least, such as 15m or 1h" },
    ).default("15m"),
    action: z
      .enum(["Warn", "Pause"])
      .default("Warn")
      .describe(
        "What becomes of a mission with such an agent: Warn, it is told of (condition Stuck and an Event); Pause, its pods are stopped, too, until a person resumes it.",
      ),
  })
  .describe("When an agent at work is taken for stuck; without it after 5 times the same, or 15m, and it is told of.");
