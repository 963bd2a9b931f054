import { defineFrame, count, text, texts } from "#nervous-system/schemas/frames/define-frame.ts";

/** A step of the rollout of an image. */
export const rollout = defineFrame({
  type: "ROLLOUT",
  description: "A step of the rollout of an image.",
  producers: ["operator"],
  payload: {
    image: text("Name of the AgentImage."),
    digest: text("Image digest."),
    step: count("Step of the rollout."),
    percent: count("Share of missions on it."),
    action: text("What was done."),
    reason: text("Why.").optional(),
    evidence: texts("Event ids that the decision rests on.").optional(),
  },
});
