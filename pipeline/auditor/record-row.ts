import { hash } from "node:crypto";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";

/** What a store says of one frame: its key, its place, and digests of everything that must never change. */
export type RecordRow = {
  readonly agentUid: string;
  readonly epoch: number;
  readonly seq: number;
  readonly eventId: string;
  readonly eventType: string;
  readonly place: number;
  readonly storedNs: bigint;
  readonly prevHash: string;
  readonly hash: string;
  /** sha256 of the envelope's text, 64 hex digits. */
  readonly envelope: string;
  /** sha256 of the frame's bytes. */
  readonly frame: string;
};

/** A frame of the archive as the ledger's row of it must be. */
export const rowOfFrame = ({
  envelope,
  envelopeText,
  bytes,
  prevHash,
  hash: own,
  place,
  storedNs,
}: StoredFrame): RecordRow => ({
  agentUid: envelope.agent_uid,
  epoch: envelope.epoch,
  seq: envelope.seq,
  eventId: envelope.event_id,
  eventType: envelope.event_type,
  place,
  storedNs,
  prevHash,
  hash: own,
  envelope: hash("sha256", envelopeText, "hex"),
  frame: hash("sha256", bytes, "hex"),
});

/** Which chain a frame is of, as people look for it. */
export const chainOf = ({ agentUid, epoch }: Pick<RecordRow, "agentUid" | "epoch">): string => `${agentUid}/${epoch}`;

/** Which frame of its chain it is, as people look for it. */
export const nameOf = ({ seq, eventId }: Pick<RecordRow, "seq" | "eventId">): string =>
  seq > 0 ? `frame ${seq}` : `event ${JSON.stringify(eventId.slice(0, 128))}`;

/** The key of a frame. */
export const keyOf = ({
  agentUid,
  epoch,
  seq,
  eventId,
}: Pick<RecordRow, "agentUid" | "epoch" | "seq" | "eventId">): string =>
  JSON.stringify([agentUid, epoch, seq, eventId]);

/** The place of a frame in its chain; an external client's frame has none but its own. */
export const linkOf = ({ agentUid, epoch, seq, eventId }: RecordRow): string =>
  JSON.stringify([agentUid, epoch, seq, ...(seq > 0 ? [] : [eventId])]);

/** Whether two rows say the same of a frame, wherever it stands. */
export const isSame = (a: RecordRow, b: RecordRow): boolean =>
  a.hash === b.hash &&
  a.prevHash === b.prevHash &&
  a.envelope === b.envelope &&
  a.frame === b.frame &&
  a.eventType === b.eventType;
