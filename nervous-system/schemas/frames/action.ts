import * as z from "zod";
import { defineFrame, digest, text } from "#nervous-system/schemas/frames/define-frame.ts";

/** A tool was used. */
export const action = defineFrame({
  type: "ACTION",
  description: "A tool was used.",
  producers: ["agent"],
  payload: {
    tool: text("Name of the tool."),
    arguments: z.unknown().describe("What it was given."),
    result: text("What it answered, bounded.").optional(),
    result_blob: digest("The whole answer, where it was cut.").optional(),
    ok: z.boolean().describe("Whether it worked."),
    duration_ms: z.number().min(0).describe("How long it took, in milliseconds."),
    error: text("Why it did not work.").optional(),
  },
});
