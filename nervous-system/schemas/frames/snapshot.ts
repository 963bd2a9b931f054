import * as z from "zod";
import { defineFrame, count, text } from "#nervous-system/schemas/frames/define-frame.ts";

/** The state at a cut was kept. */
export const snapshot = defineFrame({
  type: "SNAPSHOT",
  description: "The state at a cut was kept.",
  producers: ["siphon"],
  payload: {
    snapshot_id: text("Id of the snapshot."),
    cut: z
      .record(z.string(), count("Sequence number."))
      .describe("Last sequence of each agent and epoch that it covers."),
    tree_hash: text("Git tree of the workspace.").optional(),
    uri: text("Where it lies."),
    sha256: text("Digest of its manifest."),
  },
});
