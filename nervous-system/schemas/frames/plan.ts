import * as z from "zod";
import { defineFrame, text, texts } from "#nervous-system/schemas/frames/define-frame.ts";

/** The tasks that a mission was split into. */
export const plan = defineFrame({
  type: "PLAN",
  description: "The tasks that a mission was split into.",
  producers: ["agent", "operator"],
  payload: {
    tasks: z
      .array(
        z
          .looseObject({
            id: text("Task id."),
            title: text("What is to be done."),
            depends_on: texts("Task ids.").optional(),
          })
          .describe("A task."),
      )
      .describe("The tasks, in order."),
  },
});
