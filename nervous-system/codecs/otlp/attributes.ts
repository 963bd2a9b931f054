/** Attribute that carries the exact RFC 8785 text of a frame's envelope. */
export const ENVELOPE_ATTRIBUTE = "enchanted.envelope";
/** Attribute that carries the hash before this frame in its chain, hex. */
export const PREV_HASH_ATTRIBUTE = "enchanted.prev_hash";
/** Attribute that carries the frame's hash, hex. */
export const HASH_ATTRIBUTE = "enchanted.hash";
/** What precedes the frame type in a log record's `event_name`. */
export const EVENT_NAME_PREFIX = "enchanted.";
