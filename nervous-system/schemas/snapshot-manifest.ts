import * as z from "zod";
import { digest } from "#nervous-system/schemas/frames/define-frame.ts";

/** Parts that a snapshot is made of at most; then it is made whole again. */
export const maxSnapshotParts = 32;

const parts = (what: string) => z.array(digest("A blob.")).max(maxSnapshotParts).describe(what);
const objectId = (what: string) =>
  z
    .string()
    .regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/)
    .describe(what);

/* Its parts are blobs by their digest, so that one is kept once for all snapshots that hold it. */
const snapshotManifest = z.object({
  version: z.literal(1),
  base: objectId("Commit that the first bundle stands on."),
  tree: objectId("Git tree of the workspace."),
  bundles: parts("Git bundles, each standing on the one before: together they hold the tree."),
  conversation: parts("JSON lists of the model's messages, in order."),
});

/** What a snapshot consists of. */
export type SnapshotManifest = z.output<typeof snapshotManifest>;

/** Reads a manifest; undefined where the bytes are none. */
export const parseSnapshotManifest = (bytes: Buffer): SnapshotManifest | undefined => {
  try {
    return snapshotManifest.safeParse(JSON.parse(bytes.toString("utf8"))).data;
  } catch {
    return undefined;
  }
};
