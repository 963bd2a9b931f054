import { isUtf8 } from "node:buffer";
import { isDeeperThan } from "#nervous-system/kernel/nesting.ts";
import { parseProduced } from "#nervous-system/fold/read-frame.ts";
import { chainHash, isHash } from "#nervous-system/schemas/chain.ts";
import { parseEnvelope, type Envelope, type RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import type { Producer } from "#nervous-system/schemas/frames/define-frame.ts";
import { mayWrite } from "#nervous-system/schemas/frames/catalog.ts";
import { maxFrameBytes, maxNesting } from "#nervous-system/schemas/frames/parse-frame.ts";
import { noMission, externalMission } from "#nervous-system/schemas/ids.ts";
import { plainRecordSize } from "#nervous-system/codecs/otlp/encode-logs.ts";
import type { LogRecord } from "#nervous-system/codecs/otlp/model.ts";
import type { Caller } from "#pipeline/collector/caller.ts";

/** What the collector makes of one log record. */
export type Verified =
  | { readonly kind: "frame"; readonly frame: RecordedFrame }
  /** In its place of the chain, but not to be kept as it is: a GAP takes the place. */
  | { readonly kind: "refused"; readonly frame: RecordedFrame; readonly reason: string }
  /** No frame at all. */
  | { readonly kind: "malformed"; readonly reason: string }
  /** A frame of a chain that is not the caller's. */
  | { readonly kind: "foreign"; readonly reason: string };

// A tag, a length and the bytes.
const TRACE_ID_FIELD = 18;
const SPAN_ID_FIELD = 10;

/** Members of an envelope and what each must be; the epoch of an external client's chain, for one, is its own affair. */
type Own = ReadonlyArray<readonly [keyof Envelope, unknown]>;

const ofPod = (agentUid: string, { missionUid, mission, epoch, persona }: NonNullable<Caller["bound"]>): Own => [
  ["agent_uid", agentUid],
  ["mission_uid", missionUid],
  ["mission", mission],
  ["epoch", epoch],
  ["persona", persona?.name],
  ["persona_digest", persona?.digest],
];

// Its chain has a UID of its own, which was compared with the stream's.
const ofExternalClient: Own = [
  ["mission_uid", noMission],
  ["mission", externalMission],
  ["persona", undefined],
  ["persona_digest", undefined],
];

/** What an envelope must say of its agent's pod, or an external client's of no mission; a component writes about many missions. */
const ownOf = (caller: Caller): Own => {
  const { bound, principal, namespace, agentUid } = caller;
  const recorder = ["recorder", caller.recorder] as const;
  if (bound === undefined && principal === undefined) return [recorder, ["agent_uid", agentUid]];
  const whose = bound === undefined ? ofExternalClient : ofPod(agentUid, bound);
  return [recorder, ["namespace", namespace], ...whose, ["about", undefined]];
};

const foreign = (envelope: Envelope, own: Own): string | undefined => {
  for (const [name, wanted] of own)
    if (envelope[name] !== wanted)
      return `the envelope says ${name} ${JSON.stringify(envelope[name])}, the token says ${JSON.stringify(wanted) ?? "none"}`;
  return undefined;
};

/** What the record says beside the envelope must be the same fact. */
const contradiction = (record: LogRecord, envelope: Envelope, observedNs: bigint): string | undefined => {
  if (record.eventType !== envelope.event_type)
    return `event_name ${JSON.stringify(record.eventName.slice(0, 80))} is not the envelope's ${envelope.event_type}`;
  if (record.observedTimeUnixNano !== observedNs) return "observed_time_unix_nano is not the envelope's observed";
  const { trace_id: trace = "", span_id: span = "" } = envelope;
  if (record.traceId !== trace || record.spanId !== span) return "trace_id or span_id is not the envelope's";
  return undefined;
};

const badBytes = (bytes: Buffer, envelope: Envelope): string | undefined => {
  if (bytes.length > maxFrameBytes) return `the frame has ${bytes.length} bytes, at most ${maxFrameBytes} are kept`;
  const value = isUtf8(bytes) ? parseProduced(bytes) : undefined;
  if (value === undefined) return "the bytes are not a JSON object in UTF-8";
  if (value.event_type !== envelope.event_type || value.event_id !== envelope.event_id)
    return "event_type or event_id of the bytes is not the envelope's";
  return isDeeperThan(value.payload, maxNesting) ? `the payload nests deeper than ${maxNesting} levels` : undefined;
};

// They move a swarm: who is no part of it may not write them.
const swarmOnly = new Set(["PLAN", "PROPOSAL"]);

/** Whether a caller may write frames of a type under a producer's name. */
export const hasRight = (caller: Caller, producer: Producer, type: string): boolean =>
  caller.producers.includes(producer) &&
  mayWrite(producer, type) &&
  !(caller.principal !== undefined && swarmOnly.has(type));

const badRight = ({ producer, event_type: type }: Envelope, caller: Caller): string | undefined =>
  hasRight(caller, producer, type) ? undefined : `producer ${producer} may not write ${type} here`;

/** A GAP that bridges lost frames carries the hash that its successor follows; it is the one frame whose hash may not fit. */
const badHash = (frame: RecordedFrame, observedNs: bigint): string | undefined => {
  const { envelope } = frame;
  if (envelope.event_type === "GAP") return undefined;
  const hash = chainHash({
    agentUid: envelope.agent_uid,
    epoch: envelope.epoch,
    seq: envelope.seq,
    prevHash: frame.prevHash,
    observedNs,
    envelopeText: frame.envelopeText,
    bytes: frame.bytes,
  });
  return hash === frame.hash ? undefined : "the hash does not fit the frame: it was changed on its way";
};

type Read = { readonly ok: true; readonly frame: RecordedFrame } | { readonly ok: false; readonly reason: string };

/** The record as it came, where nothing stands in it that was not judged: it goes into the stream as it is. */
const judgedRecord = ({ raw, body }: LogRecord, envelopeText: string, envelope: Envelope): Buffer | undefined => {
  const { event_type: type, trace_id, span_id } = envelope;
  const ids = (trace_id === undefined ? 0 : TRACE_ID_FIELD) + (span_id === undefined ? 0 : SPAN_ID_FIELD);
  const most = plainRecordSize(type.length, body.length, envelopeText.length) + ids;
  return raw !== undefined && raw.length <= most ? raw : undefined;
};

const readFrame = (record: LogRecord, principal: string | undefined): Read => {
  if (record.bodyKind !== "string") return { ok: false, reason: "the body is not a string" };
  const { envelopeText } = record;
  if (envelopeText === undefined) return { ok: false, reason: "the envelope is not UTF-8" };
  const parsed = parseEnvelope(envelopeText);
  if (!parsed.ok) return parsed;
  const { envelope } = parsed;
  if (envelope.seq === 0) return { ok: false, reason: "seq 0 is the collector's to give" };
  const { prevHash, hash, body: bytes } = record;
  if (!isHash(prevHash) || !isHash(hash))
    return { ok: false, reason: "enchanted.prev_hash and enchanted.hash are 64 hex digits each" };
  const frame = { envelope, envelopeText, bytes, prevHash, hash, record: judgedRecord(record, envelopeText, envelope) };
  return { ok: true, frame: principal === undefined ? frame : { ...frame, principal } };
};

const whyRefused = (record: LogRecord, frame: RecordedFrame, caller: Caller): string | undefined => {
  const { envelope } = frame;
  const observedNs = BigInt(envelope.observed);
  return (
    contradiction(record, envelope, observedNs) ??
    badHash(frame, observedNs) ??
    badBytes(record.body, envelope) ??
    badRight(envelope, caller)
  );
};

const verify = (record: LogRecord, caller: Caller, own: Own): Verified => {
  const read = readFrame(record, caller.principal);
  if (!read.ok) return { kind: "malformed", reason: read.reason };
  const { frame } = read;
  const theirs = foreign(frame.envelope, own);
  if (theirs !== undefined) return { kind: "foreign", reason: theirs };
  const reason = whyRefused(record, frame, caller);
  return reason === undefined ? { kind: "frame", frame } : { kind: "refused", frame, reason };
};

/** Checks log records, up to the first that refuses them all, against who sent them: whose chain, whose right, which hash, which bytes. */
export const verifyFrames = (records: readonly LogRecord[], caller: Caller): Verified[] => {
  const own = ownOf(caller);
  const verified: Verified[] = [];
  for (const record of records) {
    const one = verify(record, caller, own);
    verified.push(one);
    // It refuses the whole export: what stands behind it is not worth looking at.
    if (one.kind === "malformed" || one.kind === "foreign") break;
  }
  return verified;
};
