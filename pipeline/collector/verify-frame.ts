import { chainHash } from "#nervous-system/schemas/chain.ts";
import type { TravellingFrame } from "#nervous-system/comms/nats/chunk.ts";
import { parseEnvelope, type Envelope, type RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import type { Producer } from "#nervous-system/schemas/frames/define-frame.ts";
import { mayWrite } from "#nervous-system/schemas/frames/catalog.ts";
import { maxFrameBytes } from "#nervous-system/schemas/frames/parse-frame.ts";
import { noMission, strangersMission } from "#nervous-system/schemas/ids.ts";
import { frameRecord, recordSize } from "#nervous-system/codecs/otlp/encode-logs.ts";
import type { LogRecord } from "#nervous-system/codecs/otlp/model.ts";
import type { Caller } from "#pipeline/collector/caller.ts";

/** What the collector makes of one log record. */
export type Verified =
  | { readonly kind: "frame"; readonly frame: TravellingFrame }
  /** In its place of the chain, but not to be kept as it is: a GAP takes the place. */
  | { readonly kind: "refused"; readonly frame: RecordedFrame; readonly reason: string }
  /** No frame at all. */
  | { readonly kind: "malformed"; readonly reason: string }
  /** A frame of a chain that is not the caller's. */
  | { readonly kind: "foreign"; readonly reason: string };

const HASH = /^[0-9a-f]{64}$/;
const utf8 = new TextDecoder("utf-8", { fatal: true });

type Wanted = ReadonlyArray<readonly [string, unknown, unknown]>;

/** What the envelope must say of its agent's pod, or a stranger's of no mission; a component writes about many missions. */
const wantedOf = (envelope: Envelope, caller: Caller): Wanted => {
  const { bound, principal } = caller;
  const mission = { uid: bound?.missionUid ?? noMission, name: bound?.mission ?? strangersMission };
  const always: Wanted = [["recorder", envelope.recorder, caller.recorder]];
  if (bound === undefined && principal === undefined)
    return [...always, ["agent_uid", envelope.agent_uid, caller.agentUid]];
  return [
    ...always,
    // A stranger's chain has a UID of its own, which was compared with the stream's.
    ...(bound === undefined ? [] : ([["agent_uid", envelope.agent_uid, caller.agentUid]] as const)),
    ["namespace", envelope.namespace, caller.namespace],
    ["mission_uid", envelope.mission_uid, mission.uid],
    ["mission", envelope.mission, mission.name],
    ["epoch", envelope.epoch, bound?.epoch ?? envelope.epoch],
    ["about", envelope.about, undefined],
  ];
};

const foreign = (envelope: Envelope, caller: Caller): string | undefined => {
  const wrong = wantedOf(envelope, caller).find(([, given, own]) => given !== own);
  if (wrong === undefined) return undefined;
  const [name, given, own] = wrong;
  return `the envelope says ${name} ${JSON.stringify(given)}, the token says ${JSON.stringify(own) ?? "none"}`;
};

/** What the record says beside the envelope must be the same fact. */
const contradiction = (record: LogRecord, envelope: Envelope): string | undefined => {
  if (record.eventType !== envelope.event_type)
    return `event_name ${JSON.stringify(record.eventName.slice(0, 80))} is not the envelope's ${envelope.event_type}`;
  if (record.observedTimeUnixNano.toString() !== envelope.observed)
    return "observed_time_unix_nano is not the envelope's observed";
  const { trace_id: trace = "", span_id: span = "" } = envelope;
  if (record.traceId !== trace || record.spanId !== span) return "trace_id or span_id is not the envelope's";
  return undefined;
};

const parseObject = (bytes: Uint8Array): Record<string, unknown> | undefined => {
  try {
    const value: unknown = JSON.parse(utf8.decode(bytes));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
};

const badBytes = (bytes: Uint8Array, envelope: Envelope): string | undefined => {
  if (bytes.length > maxFrameBytes) return `the frame has ${bytes.length} bytes, at most ${maxFrameBytes} are kept`;
  const value = parseObject(bytes);
  if (value === undefined) return "the bytes are not a JSON object in UTF-8";
  return value["event_type"] === envelope.event_type && value["event_id"] === envelope.event_id
    ? undefined
    : "event_type or event_id of the bytes is not the envelope's";
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
const badHash = (frame: RecordedFrame): string | undefined => {
  const { envelope } = frame;
  if (envelope.event_type === "GAP") return undefined;
  const hash = chainHash({
    agentUid: envelope.agent_uid,
    epoch: envelope.epoch,
    seq: envelope.seq,
    prevHash: frame.prevHash,
    observedNs: BigInt(envelope.observed),
    envelopeText: frame.envelopeText,
    bytes: frame.bytes,
  });
  return hash === frame.hash ? undefined : "the hash does not fit the frame: it was changed on its way";
};

const decodeText = (bytes: Uint8Array): string | undefined => {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
};

type Read = { readonly ok: true; readonly frame: TravellingFrame } | { readonly ok: false; readonly reason: string };

const signature = ({ principal }: Caller): { principal?: string } => (principal === undefined ? {} : { principal });

/** The record as it came, where nothing stands in it that was not judged: it goes into the stream as it is. */
const judgedRecord = ({ raw }: LogRecord, frame: RecordedFrame): { record?: Uint8Array } =>
  raw !== undefined && raw.length <= recordSize(frameRecord(frame)) ? { record: raw } : {};

const readFrame = (record: LogRecord, caller: Caller): Read => {
  if (record.bodyKind !== "string") return { ok: false, reason: "the body is not a string" };
  const envelopeText = decodeText(record.envelope);
  if (envelopeText === undefined) return { ok: false, reason: "the envelope is not UTF-8" };
  const parsed = parseEnvelope(envelopeText);
  if (!parsed.ok) return parsed;
  const { envelope } = parsed;
  if (envelope.seq === 0) return { ok: false, reason: "seq 0 is the collector's to give" };
  const { prevHash, hash, body: bytes } = record;
  if (!HASH.test(prevHash) || !HASH.test(hash))
    return { ok: false, reason: "enchanted.prev_hash and enchanted.hash are 64 hex digits each" };
  const frame = { envelope, envelopeText, bytes, prevHash, hash, ...signature(caller) };
  return { ok: true, frame: { ...frame, ...judgedRecord(record, frame) } };
};

const whyRefused = (record: LogRecord, frame: RecordedFrame, caller: Caller): string | undefined =>
  contradiction(record, frame.envelope) ??
  badHash(frame) ??
  badBytes(frame.bytes, frame.envelope) ??
  badRight(frame.envelope, caller);

/** Checks a log record against who sent it: whose chain, whose right, which hash, which bytes. */
export const verifyFrame = (record: LogRecord, caller: Caller): Verified => {
  const read = readFrame(record, caller);
  if (!read.ok) return { kind: "malformed", reason: read.reason };
  const { frame } = read;
  const theirs = foreign(frame.envelope, caller);
  if (theirs !== undefined) return { kind: "foreign", reason: theirs };
  const reason = whyRefused(record, frame, caller);
  return reason === undefined ? { kind: "frame", frame } : { kind: "refused", frame, reason };
};
