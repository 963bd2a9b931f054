import * as z from "zod";
import { defineFrame, text } from "#nervous-system/schemas/frames/define-frame.ts";

/** A task of the plan changed its state. */
export const task = defineFrame({
  type: "TASK",
  description: "A task of the plan changed its state.",
  producers: ["agent", "operator"],
  payload: {
    id: text("Task id."),
    state: z.enum(["open", "claimed", "done", "failed", "dropped"]).describe("The new state."),
    agent: text("Who holds the task.").optional(),
  },
});
