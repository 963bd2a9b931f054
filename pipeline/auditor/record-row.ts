import { hash } from "node:crypto";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { columnsDigest } from "#pipeline/auditor/row-columns.ts";
import { projectRow } from "#pipeline/siphon/ledger/row.ts";

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
  readonly namespace: string;
  readonly missionUid: string;
  /** Day by which the ledger keeps it, `YYYY-MM-DD`. */
  readonly day: string;
  /** Digest of all that is lifted out of envelope and bytes, `columnsDigest`. */
  readonly columns: string;
};

/** Of an envelope that somebody wrote into the archive no row can be made: none is like it. */
const liftedOf = (frame: StoredFrame): Pick<RecordRow, "day" | "columns"> => {
  try {
    const row = projectRow(frame);
    return { day: row.day, columns: columnsDigest(row) };
  } catch {
    return { day: "", columns: "" };
  }
};

/** A frame of the archive as the ledger's row of it must be. */
export const rowOfFrame = (stored: StoredFrame): RecordRow => {
  const { envelope, envelopeText, bytes, prevHash, hash: own, place, storedNs } = stored;
  return {
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
    namespace: envelope.namespace,
    missionUid: envelope.mission_uid,
    ...liftedOf(stored),
  };
};

/** Which chain a frame is of, as people look for it. */
export const chainOf = ({ agentUid, epoch }: Pick<RecordRow, "agentUid" | "epoch">): string => `${agentUid}/${epoch}`;

/** Which frame of its chain it is, as people look for it. */
export const nameOf = ({ seq, eventId }: Pick<RecordRow, "seq" | "eventId">): string =>
  seq > 0 ? `frame ${seq}` : `event ${JSON.stringify(eventId.slice(0, 128))}`;

/** The key of a frame. */
export type FrameKey = Pick<RecordRow, "agentUid" | "epoch" | "seq" | "eventId" | "namespace">;

/** Of what no chain holds the namespace is part of its key: a user may tell the same event in two. */
const scopeOf = ({ seq, namespace }: FrameKey): string => (seq > 0 ? "" : namespace);

/** The same as text. */
export const keyOf = (frame: FrameKey): string =>
  JSON.stringify([frame.agentUid, frame.epoch, frame.seq, frame.eventId, scopeOf(frame)]);

/** The place of a frame in its chain; an external client's frame has none but its own. */
export const linkOf = (frame: FrameKey): string =>
  frame.seq > 0 ? JSON.stringify([frame.agentUid, frame.epoch, frame.seq]) : keyOf(frame);

/** Whether two rows say the same of a frame, wherever it stands. */
export const isSame = (a: RecordRow, b: RecordRow): boolean =>
  a.hash === b.hash &&
  a.prevHash === b.prevHash &&
  a.envelope === b.envelope &&
  a.frame === b.frame &&
  a.eventType === b.eventType;

/** Whether they stand under one key of the ledger's table. */
export const isBeside = (a: RecordRow, b: RecordRow): boolean =>
  a.namespace === b.namespace && a.missionUid === b.missionUid && a.day === b.day;
