import { createHash } from "node:crypto";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";

// Neo4j's index takes about 8,000 bytes a value.
const MAX_CHARACTERS = 1024;

/** The key of a node by what makes it the one that it is; as JSON, so that no two lists of parts are one key. */
export const keyOf = (...parts: ReadonlyArray<string | number>): string => {
  const key = JSON.stringify(parts);
  return key.length <= MAX_CHARACTERS ? key : `sha256:${createHash("sha256").update(key).digest("hex")}`;
};

/** The key of a frame: its place in its agent's chain, or for one that no chain holds who sent it and under which id. */
export const eventKeyOf = (envelope: Envelope, principal = ""): string => {
  const { namespace, agent_uid, epoch, seq, event_id } = envelope;
  return seq > 0 ? keyOf(namespace, agent_uid, epoch, seq) : keyOf(namespace, agent_uid, 0, 0, principal, event_id);
};
