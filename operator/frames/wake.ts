import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";

/** How soon a frame must reach the status: at once, when the pace of activity allows it, or never by itself. */
export type Urgency = "transition" | "activity" | "none";

const transitions: ReadonlySet<string> = new Set(["LIFECYCLE", "PROPOSAL", "PUBLICATION"]);

/** How urgent a frame is for the status of its mission and agent. */
export const urgencyOf = ({ envelope }: StoredFrame): Urgency => {
  if (transitions.has(envelope.event_type)) return "transition";
  return envelope.event_type === "HEARTBEAT" ? "none" : "activity";
};
