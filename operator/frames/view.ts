import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { StreamMark } from "#nervous-system/comms/nats/stream-position.ts";
import type { MissionFold } from "#nervous-system/fold/state.ts";

/** Whether what happens is being recorded, as the observer of the stream sees it. */
export type RecordHealth = {
  healthy: boolean;
  /** True until everything that was in the stream at the start has been read. */
  starting?: boolean;
  /** Why it is not healthy, for people. */
  message: string;
  /** Place in the stream read so far, and what stands there. */
  position: number;
  mark?: StreamMark | undefined;
};

/** What the frames told so far. */
export type FrameView = {
  health(): RecordHealth;
  mission(uid: string): MissionFold | undefined;
};

/** How soon a frame must reach the status: at once, when the pace of activity allows it, or never by itself. */
type Urgency = "transition" | "activity" | "none";

const transitions: ReadonlySet<string> = new Set(["LIFECYCLE", "PROPOSAL", "PUBLICATION"]);

/** How urgent a frame is for the status of its mission and agent. */
export const urgencyOf = ({ envelope }: StoredFrame): Urgency => {
  if (transitions.has(envelope.event_type)) return "transition";
  return envelope.event_type === "HEARTBEAT" ? "none" : "activity";
};
