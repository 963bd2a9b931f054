import * as z from "zod";
import { defineFrame, text } from "#nervous-system/schemas/frames/define-frame.ts";

/** Something failed. */
export const error = defineFrame({
  type: "ERROR",
  description: "Something failed.",
  producers: ["agent", "scribe"],
  payload: {
    message: text("What failed."),
    stack: text("Where.").optional(),
    fatal: z.boolean().describe("Whether the attempt ends by it.").optional(),
  },
});
