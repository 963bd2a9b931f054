import * as z from "zod";
import { defineTool, type Tool, type ToolAnswer, type ToolCallOptions } from "./tool.ts";

const input = z.strictObject({
  title: z
    .string()
    .min(1)
    .max(120)
    .regex(/^[^\r\n]+$/, "must be one line")
    .describe("The pull request's title: one line, imperative."),
  body: z.string().min(1).max(20_000).describe("What was wrong, what you did, how you know that it works."),
});

/** The change as the model describes it at its end. */
export type Conclusion = z.output<typeof input>;

/** Ends the work; `conclude` checks it and may send the model back. */
export const createFinish = (
  conclude: (conclusion: Conclusion, options: ToolCallOptions) => Promise<ToolAnswer>,
): Tool =>
  defineTool({
    name: "finish",
    description:
      "End the work: everything changed in the repository becomes one pull request. The mission's own checks run first; when one fails you are told and go on.",
    input,
    timeoutMs: 3_600_000,
    run: conclude,
  });
