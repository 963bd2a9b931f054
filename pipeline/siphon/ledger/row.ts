import { parseProduced, readPayload } from "#nervous-system/fold/read-frame.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import { parseTimestampNs, renderTimestamp } from "#nervous-system/schemas/timestamp.ts";
import { nothingProjected, projectColumns, type Projected } from "#pipeline/siphon/ledger/projected-columns.ts";

/** A row of `enchanted.context_frames`. */
export type LedgerRow = Projected & {
  readonly agent_uid: string;
  readonly epoch: number;
  readonly seq: number;
  readonly event_id: string;
  readonly mission_uid: string;
  readonly mission: string;
  readonly namespace: string;
  readonly lineage: number;
  readonly producer: string;
  readonly recorder: string;
  readonly event_type: string;
  readonly persona: string;
  readonly persona_digest: string;
  readonly observed: string;
  /** Day of `observed`, UTC, by which the table is kept; 1970-01-01 where it tells nothing: see `dayOf`. */
  readonly day: string;
  readonly trace_id: string;
  readonly span_id: string;
  readonly parent_event_id: string;
  readonly about_agent_uid: string;
  readonly about_epoch: number;
  readonly flags: readonly string[];
  readonly stream_seq: number;
  readonly stored: string;
  readonly timestamp: string;
  readonly agent_id: string;
  readonly related_commit_hash: string;
  readonly frame: string;
  readonly envelope: string;
  readonly prev_hash: string;
  readonly hash: string;
  readonly principal: string;
};

/** The last nanosecond that DateTime64(9) holds. */
const MAX_NS = 2n ** 63n - 1n;

const time = (ns: bigint): string => renderTimestamp(ns >= 0n && ns <= MAX_NS ? ns : 0n);

const asText = (value = ""): string => value.toWellFormed();

type EnvelopeColumns = Pick<
  LedgerRow,
  | "persona"
  | "persona_digest"
  | "trace_id"
  | "span_id"
  | "parent_event_id"
  | "about_agent_uid"
  | "about_epoch"
  | "flags"
>;

/** What an envelope may lack is empty in the ledger. */
const optionalColumns = (envelope: Envelope): EnvelopeColumns => {
  const { persona = "", persona_digest = "" } = envelope;
  const { trace_id = "", span_id = "", parent_event_id = "", flags = [], about } = envelope;
  const { agent_uid: about_agent_uid, epoch: about_epoch } = about ?? { agent_uid: "", epoch: 0 };
  return { persona, persona_digest, trace_id, span_id, parent_event_id, about_agent_uid, about_epoch, flags };
};

/** What is lifted out of a payload; a payload that no column can be made of has its row all the same. */
const liftedOf = (type: string, payload: unknown): Projected => {
  try {
    return projectColumns(readPayload(type, payload));
  } catch {
    return nothingProjected;
  }
};

const NO_DAY = "1970-01-01";
const DAY_CHARACTERS = NO_DAY.length;

/**
 * A part of the row's key, so the same of a frame that comes again: of an external client's frame, which is observed anew each
 * time, there is none. Years that no clock of today tells are left out, for each month is a partition.
 */
const dayOf = (seq: number, observed: string): string =>
  seq > 0 && observed >= "2020" && observed < "2100" ? observed.slice(0, DAY_CHARACTERS) : NO_DAY;

/** The row of a frame; the bytes are kept as they are, everything typed beside them is a projection that may be empty. */
export const projectRow = (stored: StoredFrame): LedgerRow => {
  const { envelope, envelopeText } = stored;
  const frame = Buffer.from(stored.bytes.buffer, stored.bytes.byteOffset, stored.bytes.length).toString("utf8");
  const produced = parseProduced(frame);
  const observedNs = BigInt(envelope.observed);
  const observed = time(observedNs);
  const { agent_uid, epoch, seq, event_id, mission_uid, mission } = envelope;
  const { namespace, lineage, producer, recorder, event_type } = envelope;
  return {
    ...liftedOf(event_type, produced?.payload),
    ...optionalColumns(envelope),
    agent_uid,
    epoch,
    seq,
    event_id,
    mission_uid,
    mission,
    namespace,
    lineage,
    producer,
    recorder,
    event_type,
    observed,
    day: dayOf(seq, observed),
    stream_seq: stored.place,
    stored: time(stored.storedNs),
    timestamp: time(parseTimestampNs(asText(produced?.timestamp)) ?? observedNs),
    agent_id: asText(produced?.agent_id),
    related_commit_hash: asText(produced?.related_commit_hash),
    frame,
    envelope: envelopeText,
    prev_hash: stored.prevHash,
    hash: stored.hash,
    principal: stored.principal ?? "",
  };
};
