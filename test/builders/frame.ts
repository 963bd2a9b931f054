import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";
import type { PlacedFrame } from "#nervous-system/fold/state.ts";
import { anAgent } from "#test/builders/agent.ts";
import { aMission } from "#test/builders/mission.ts";

/** A stored frame of `fix-bug-coder`; its place in the stream is given. */
export const aFrame = (
  place: number,
  envelope: Partial<Envelope> & { event_type: string },
  payload: Record<string, unknown> = {},
): PlacedFrame => ({
  place,
  bytes: Buffer.from(JSON.stringify({ payload })),
  envelope: {
    agent_uid: anAgent().metadata.uid,
    mission_uid: aMission().metadata.uid,
    mission: "fix-bug",
    namespace: "team-a",
    lineage: 0,
    producer: "agent",
    recorder: "scribe",
    epoch: 1,
    seq: place,
    observed: "1795424460000000000",
    event_id: stableId("frame", String(place)),
    ...envelope,
  },
});
