import { defineFrame, count, text } from "#nervous-system/schemas/frames/define-frame.ts";

/** Frames that were lost or refused, named instead of passed over. */
export const gap = defineFrame({
  type: "GAP",
  description: "Frames that were lost or refused, named instead of passed over.",
  producers: ["scribe", "gateway", "siphon", "supervisor", "operator", "collector"],
  payload: {
    epoch: count("Epoch of the gap."),
    from: count("First sequence number missing."),
    to: count("Last sequence number missing."),
    why: text("What happened."),
  },
});
