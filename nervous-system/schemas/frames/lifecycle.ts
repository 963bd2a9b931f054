import * as z from "zod";
import { defineFrame, count, text, texts } from "#nervous-system/schemas/frames/define-frame.ts";

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
    program: text("Name of the program that was started.").optional(),
    arguments: texts("Its arguments, without secrets.").optional(),
    directory: text("Directory that it was started in.").optional(),
    commit: text("Commit that was checked out there when it started.").optional(),
    observing: text("Work tree in which changes of files are observed.").optional(),
    exit_code: count("Exit code of the program.").optional(),
    signal: text("Signal that ended it, such as SIGTERM.").optional(),
    task: text("What the attempt is for: the mission's goal and the agent's task in it.").optional(),
  },
});
