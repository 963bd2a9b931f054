import { defineFrame, text } from "#nervous-system/schemas/frames/define-frame.ts";

/** What an agent was thinking, in its own words. */
export const thought = defineFrame({
  type: "THOUGHT",
  description: "What an agent was thinking, in its own words.",
  producers: ["agent"],
  payload: {
    text: text("The thought."),
    context_window_snapshot_id: text("What the agent had in its context window at that moment.").optional(),
  },
});
