import * as z from "zod";
import { defineFrame, count, text } from "#nervous-system/schemas/frames/define-frame.ts";

/** The life of an attempt: started, draining, stopped. */
export const lifecycle = defineFrame({
  type: "LIFECYCLE",
  description: "The life of an attempt: started, draining, stopped.",
  producers: ["scribe", "operator"],
  payload: {
    phase: z.enum(["Started", "Draining", "Stopped"]).describe("Where the attempt is."),
    attempt: count("Number of the attempt."),
    image_digest: text("Digest of the agent's image.").optional(),
    reason: text("Why, in one word.").optional(),
  },
});
