import * as z from "zod";
import { count, defineFrame, digest, text } from "#nervous-system/schemas/frames/define-frame.ts";

/** What a frame said was erased on somebody's order. */
export const erasure = defineFrame({
  type: "ERASURE",
  description: "What a frame said was erased on somebody's order; its hash and its place stay.",
  producers: ["collector"],
  payload: {
    event: text("Id of the frame that was erased."),
    agent_uid: text("Owner of its chain."),
    epoch: count("Epoch of its chain."),
    seq: count("Its place in the chain; 0 where no chain holds it."),
    principal: text("User who had sent it; absent for a pod's and a component's.").optional(),
    places: z.array(count("Place.")).describe("Places of the stream that it was stored at, as far as they are known."),
    blobs: z.array(digest("A blob.")).describe("Blobs that went with it, as no other frame names them.").optional(),
    by: text("User who ordered it."),
    reason: text("Why."),
  },
});
