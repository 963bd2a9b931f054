import { createHash } from "node:crypto";
import type { Erasure } from "#pipeline/siphon/erasures.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";

// Neo4j's index takes about 8,000 bytes a value.
const MAX_CHARACTERS = 1024;

/** The key of a node by what makes it the one that it is; as JSON, so that no two lists of parts are one key. */
export const keyOf = (...parts: ReadonlyArray<string | number>): string => {
  const key = JSON.stringify(parts);
  return key.length <= MAX_CHARACTERS ? key : `sha256:${createHash("sha256").update(key).digest("hex")}`;
};

/** The key of a frame: its place in its agent's chain, or for one that no chain holds who sent it and under which id. */
export const frameKey = ({ namespace, agentUid, epoch, seq, eventId, principal }: Omit<Erasure, "places" | "blobs">) =>
  seq > 0 ? keyOf(namespace, agentUid, epoch, seq) : keyOf(namespace, agentUid, 0, 0, principal, eventId);

/** The key of a frame by its envelope, and who sent it where no chain holds it. */
export const eventKeyOf = (envelope: Envelope, principal = ""): string => {
  const { namespace, agent_uid: agentUid, epoch, seq, event_id: eventId } = envelope;
  return frameKey({ namespace, agentUid, epoch, seq, eventId, principal });
};
