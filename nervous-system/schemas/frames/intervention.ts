import { defineFrame, text } from "#nervous-system/schemas/frames/define-frame.ts";

/** A person's recorded act. */
export const intervention = defineFrame({
  type: "INTERVENTION",
  description: "A person's recorded act.",
  producers: ["operator"],
  payload: {
    kind: text("What was done."),
    by: text("Who did it."),
    request_id: text("Request answered.").optional(),
    args_digest: text("Digest of the exact arguments decided on.").optional(),
    text: text("What was said.").optional(),
  },
});
