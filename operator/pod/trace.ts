import { createHash } from "node:crypto";

/** The trace of a mission: its UID without the dashes, so that everyone who knows the mission knows its trace. */
export const traceIdOf = (missionUid: string): string => missionUid.replaceAll("-", "").toLowerCase();

/** W3C `traceparent` under which the spans of a mission's pods stand, sampled. */
export const traceparentOf = (missionUid: string): string => {
  const spanId = createHash("sha256").update(missionUid).digest("hex").slice(0, 16);
  return `00-${traceIdOf(missionUid)}-${spanId}-01`;
};
