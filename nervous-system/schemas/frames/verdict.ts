import * as z from "zod";
import { defineFrame, text, texts } from "#nervous-system/schemas/frames/define-frame.ts";

/** A gate has judged. */
export const verdict = defineFrame({
  type: "VERDICT",
  description: "A gate has judged.",
  producers: ["supervisor"],
  payload: {
    subject: text("What was judged."),
    gate: text("Which gate."),
    passed: z.boolean().describe("Whether it passed."),
    findings: texts("What was found."),
  },
});
