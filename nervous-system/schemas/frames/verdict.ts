import * as z from "zod";
import { defineFrame, text, texts } from "#nervous-system/schemas/frames/define-frame.ts";

/** A gate has judged. */
export const verdict = defineFrame({
  type: "VERDICT",
  description: "A gate has judged: what became of a mission once it has ended.",
  producers: ["supervisor"],
  payload: {
    subject: text("What was judged: a commit, or the mission itself."),
    gate: text("Which gate: success criteria, or mission where it failed before they were run."),
    passed: z.boolean().describe("Whether it passed."),
    findings: texts("What was found."),
  },
});
