import * as z from "zod";
import { defineFrame, count, digest, text } from "#nervous-system/schemas/frames/define-frame.ts";

/** An agent's state was kept, to go on from. */
export const snapshot = defineFrame({
  type: "SNAPSHOT",
  description: "An agent's state was kept, to go on from.",
  producers: ["agent"],
  payload: {
    snapshot_id: text("Id of the snapshot."),
    cut: z
      .record(z.string(), count("Sequence number."))
      .describe("Last frame of the agent's `<agent_uid>/<epoch>` that it covers."),
    reason: text("Why now: steps, time or end."),
    base: text("Commit that the work starts from.").optional(),
    tree_hash: text("Git tree of the workspace.").optional(),
    manifest: digest("Blob of the manifest, which names the blobs of files and conversation."),
    new_bytes: count("Bytes that it added to what earlier snapshots hold.").optional(),
  },
});
