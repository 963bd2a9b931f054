import * as z from "zod";
import { defineFrame, count, digest, text, texts } from "#nervous-system/schemas/frames/define-frame.ts";

/** A file of the workspace changed. */
export const stateChange = defineFrame({
  type: "STATE_CHANGE",
  description: "A file of the workspace changed.",
  producers: ["agent"],
  payload: {
    file_modified: text("Path within the workspace, `/` as separator."),
    change: z.enum(["added", "modified", "deleted", "renamed"]).describe("What happened to the file.").optional(),
    old_path: text("Where a renamed file was before.").optional(),
    lines_added: count("Lines added.").optional(),
    lines_removed: count("Lines removed.").optional(),
    old_state_hash: text("Git tree of the workspace before.").optional(),
    new_state_hash: text("Git tree of the workspace after; only on the last frame of a batch.").optional(),
    patch: text("Unified diff of this file.").optional(),
    blob: digest("The diff, where it is too long for the frame.").optional(),
    depends_on: texts(
      "What the file depends on after the change, by its imports: paths within the workspace, where a directory ends with `/` and stands for all that is in it, and libraries as package URLs without version (`pkg:npm/lodash`). Absent where it is not known.",
    ).optional(),
    batch: z
      .looseObject({
        id: text("Id of the observation."),
        index: count("Place in it, from 0."),
        count: count("Frames in it."),
      })
      .describe("One observation of the workspace may be several frames.")
      .optional(),
    observed_by: text("Who saw the change: a tool's name or `wrapper`.").optional(),
    also_running: texts(
      "UIDs of the agents that ran beside this one on the same files when the change was seen: any of them may have made it.",
    ).optional(),
    before_unknown: z
      .boolean()
      .describe(
        "Whether it is not known what the file held before: it changed before the observer had read it. The change is one beside Git's index, older edits may be in it, so it has neither lines nor diff.",
      )
      .optional(),
    withheld: z.boolean().describe("Whether part of the diff was redacted.").optional(),
  },
});
