import * as z from "zod";
import { defineFrame, text, texts } from "#nervous-system/schemas/frames/define-frame.ts";

/** A decision and why it was taken. */
export const decisionRationale = defineFrame({
  type: "DECISION_RATIONALE",
  description: "A decision and why it was taken.",
  producers: ["agent"],
  payload: {
    reasoning: text("Why."),
    rejected_alternatives: texts("What was considered and not taken.").optional(),
    options_considered: texts("Everything that was considered.").optional(),
    selected_strategy: text("What was taken.").optional(),
    confidence_score: z.number().min(0).max(1).describe("How sure the agent was, 0 to 1.").optional(),
    context_window_snapshot_id: text("What the agent had in its context window at that moment.").optional(),
  },
});
