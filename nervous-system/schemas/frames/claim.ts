import * as z from "zod";
import { defineFrame, text, texts } from "#nervous-system/schemas/frames/define-frame.ts";

/** An agent claims or releases files or a branch. */
export const claim = defineFrame({
  type: "CLAIM",
  description: "An agent claims or releases files or a branch.",
  producers: ["agent"],
  payload: {
    files: texts("Paths or globs.").optional(),
    branch: text("Branch.").optional(),
    agent: text("Who claims."),
    action: z.enum(["claim", "release"]).describe("What is asked."),
  },
});
