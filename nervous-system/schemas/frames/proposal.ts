import * as z from "zod";
import { defineFrame, count, digest, text } from "#nervous-system/schemas/frames/define-frame.ts";

/** An agent proposes its change for publication. */
export const proposal = defineFrame({
  type: "PROPOSAL",
  description: "An agent proposes its change for publication.",
  producers: ["agent"],
  payload: {
    bundle: digest("Thin Git bundle of base..head with the one ref refs/heads/proposal."),
    bundle_bytes: count("Size of the bundle."),
    repo: text("Clone URL of the repository."),
    branch: text("Branch that the change is meant for."),
    base: text("Commit that the change starts from."),
    head: text("Commit that is proposed."),
    title: text("One line."),
    body: text("The reason, for people."),
    files: z
      .array(
        z
          .looseObject({
            path: text("Path."),
            change: text("added, modified, deleted or renamed."),
          })
          .describe("A file."),
      )
      .describe("The files changed."),
  },
});
