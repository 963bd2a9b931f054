import * as z from "zod";
import { defineTool, type Tool } from "./tool.ts";

const text = z.string().min(1).max(10_000);

const input = z.strictObject({
  reasoning: text.describe("Why: what you found and what follows from it."),
  options_considered: z.array(text).max(20).describe("Every way you thought of."),
  rejected_alternatives: z.array(text).max(20).describe("The ways not taken, each with its reason."),
  selected_strategy: text.describe("The way taken."),
  confidence_score: z.number().min(0).max(1).describe("How sure you are, from 0 to 1."),
});

/** A decision as the model states it. */
export type Decision = z.output<typeof input>;

/** Records a decision before it is acted on. */
export const createDecide = (record: (decision: Decision) => Promise<void>): Tool =>
  defineTool({
    name: "decide",
    description:
      "State a decision and its reasons, for the record. Call it before the first change, and again when you change your mind.",
    input,
    timeoutMs: 600_000,
    run: async (decision) => {
      await record(decision);
      return { text: `recorded: ${decision.selected_strategy}` };
    },
  });
