import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { saidIn } from "#nervous-system/fold/read-frame.ts";

/** An order to erase what one frame says, as ERASURE tells it. */
export type Erasure = {
  readonly namespace: string;
  readonly eventId: string;
  readonly agentUid: string;
  readonly epoch: number;
  readonly seq: number;
  /** User who had sent the frame; empty for a pod's and a component's. */
  readonly principal: string;
  /** Places of the stream that it was stored at. */
  readonly places: readonly number[];
  /** Digests of blobs that go with it. */
  readonly blobs: readonly string[];
};

const erasureOf = ({ envelope, bytes }: StoredFrame): Erasure[] => {
  const { event, agent_uid, epoch, seq, principal = "", places = [], blobs = [] } = saidIn("ERASURE", bytes);
  if (event === undefined || agent_uid === undefined || epoch === undefined || seq === undefined) return [];
  return [{ namespace: envelope.namespace, eventId: event, agentUid: agent_uid, epoch, seq, principal, places, blobs }];
};

/** The orders among frames. None but the collector writes them, for whom may: see `hasRight`. */
export const erasuresIn = (frames: readonly StoredFrame[]): Erasure[] =>
  frames.flatMap((frame) =>
    frame.envelope.event_type === "ERASURE" && frame.envelope.producer === "collector" ? erasureOf(frame) : [],
  );
