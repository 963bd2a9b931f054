import * as z from "zod";
import { defineFrame, count, text } from "#nervous-system/schemas/frames/define-frame.ts";

/** What became of a proposal on the forge. */
export const publication = defineFrame({
  type: "PUBLICATION",
  description: "What became of a proposal on the forge.",
  producers: ["supervisor"],
  payload: {
    proposal_event_id: text("The PROPOSAL answered, as its agent calls it."),
    proposal_seq: count(
      "Its seq in the chain of its agent; with about's agent and epoch the one thing it is known by.",
    ).optional(),
    url: text("The pull request.").optional(),
    number: count("Its number.").optional(),
    branch: text("Branch pushed.").optional(),
    fork: text("Clone URL of the fork that the branch is in; without it, it is in the repository itself.").optional(),
    head: text("Commit pushed.").optional(),
    base: text("Commit it starts from.").optional(),
    merge_commit: text("Commit of the merge.").optional(),
    state: z.enum(["open", "merged", "closed", "refused"]).describe("State of the pull request."),
    reason: text("Why it was refused, in one word.").optional(),
    message: text("Why it was refused, for people.").optional(),
  },
});
