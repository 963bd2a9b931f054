import { defineFrame, text } from "#nervous-system/schemas/frames/define-frame.ts";

/** Still alive. */
export const heartbeat = defineFrame({
  type: "HEARTBEAT",
  description: "Still alive.",
  producers: ["agent", "scribe"],
  payload: {
    activity: text("What is being done.").optional(),
  },
});
