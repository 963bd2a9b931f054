import type { StreamMark } from "#nervous-system/comms/nats/stream-position.ts";
import { msOf } from "#nervous-system/fold/activity.ts";
import type { AgentFold, MissionFold } from "#nervous-system/fold/state.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";

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
  /** For how long no frame of an agent was heard, milliseconds; no longer than the stream has been read without a break. */
  silentMs(missionUid: string, agentUid: string): number;
};

/** How soon a frame must reach the status: at once, when the pace of activity allows it, or never by itself. */
type Urgency = "transition" | "activity" | "none";

const transitions: ReadonlySet<string> = new Set(["LIFECYCLE", "PROPOSAL", "PUBLICATION", "INTERVENTION"]);

/** How urgent a frame is for the status of its mission and agent, whose fold holds it already. */
export const urgencyOf = ({ event_type, observed }: Envelope, agent: AgentFold | undefined): Urgency => {
  if (transitions.has(event_type)) return "transition";
  // Most beats say nothing, or what the ones before them said.
  const isNews = event_type !== "HEARTBEAT" || agent?.activity?.sinceMs === msOf(observed);
  return isNews ? "activity" : "none";
};
