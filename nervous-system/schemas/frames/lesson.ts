import * as z from "zod";
import { count, defineFrame, text, texts } from "#nervous-system/schemas/frames/define-frame.ts";

/** Something learned, recalled, accepted or retired. */
export const lesson = defineFrame({
  type: "LESSON",
  description: "Something learned, recalled, accepted or retired.",
  producers: ["agent", "siphon"],
  payload: {
    state: z.enum(["learned", "recalled", "accepted", "retired"]).describe("What happened to the lesson."),
    text: text("The lesson.").optional(),
    sources: texts("Event ids it rests on.").optional(),
    libraries: texts("Libraries it is about.").optional(),
    files: texts("Files it is about.").optional(),
    summarizer: text(
      "How its words were made of its mission's frames: `extractive`, by taking parts of them; `model`, by a model in part. Absent where an agent wrote it.",
    ).optional(),
    model: text("The model that summarised, as its endpoint knows it.").optional(),
    input_tokens: count("Tokens sent to it for this lesson, as its endpoint counted.").optional(),
    output_tokens: count("Tokens that it answered, as its endpoint counted; those of thinking too.").optional(),
  },
});
