import { hash } from "node:crypto";

// Eight digits that no program's trace begins with but by chance (one of 4,294,967,296), so that a mission's is known by itself.
// The UID alone would not do: many programs take a UUID for their trace, too.
const MARK = "e5c4a27d";
const DIGEST_DIGITS = 24;

const marked = (...parts: readonly string[]): string =>
  MARK + hash("sha256", parts.join("\u0000"), "hex").slice(0, DIGEST_DIGITS);

/** The trace of a mission, 32 hex digits: everybody who knows the mission's UID knows its trace. */
export const missionTraceId = (missionUid: string): string => marked("mission", missionUid);

/**
 * The trace in which spans go on that named one which is not theirs: the same for the same trace and owner (a mission's UID, or
 * the namespace of an external client), so they stay together, and no other owner's spans can come into it.
 */
export const movedTraceId = (owner: string, traceId: string): string => marked("moved", owner, traceId);

/** Whether a trace is one of those above. */
export const isMissionTrace = (traceId: string): boolean => traceId.startsWith(MARK);
