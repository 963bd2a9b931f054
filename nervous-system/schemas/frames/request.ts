import * as z from "zod";
import { defineFrame, text } from "#nervous-system/schemas/frames/define-frame.ts";

/** An agent asks a person. */
export const request = defineFrame({
  type: "REQUEST",
  description: "An agent asks a person.",
  producers: ["agent"],
  payload: {
    request_id: text("Id of the request."),
    kind: z.enum(["approval", "question"]).describe("What is asked."),
    tool: text("Tool that waits for approval.").optional(),
    args_digest: text("Digest of its exact arguments.").optional(),
    summary: text("The question."),
  },
});
