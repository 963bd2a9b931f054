import { chainHash } from "#nervous-system/schemas/chain.ts";
import { parseEnvelope, type Envelope, type RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { mayWrite } from "#nervous-system/schemas/frames/catalog.ts";
import { maxFrameBytes } from "#nervous-system/schemas/frames/parse-frame.ts";
import type { LogRecordView } from "#nervous-system/telemetry/otlp/decode-logs.ts";
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

const HASH = /^[0-9a-f]{64}$/;
const utf8 = new TextDecoder("utf-8", { fatal: true });

const foreign = (envelope: Envelope, caller: Caller): string | undefined => {
  const { bound } = caller;
  const wanted: ReadonlyArray<readonly [string, unknown, unknown]> = [
    ["agent_uid", envelope.agent_uid, caller.agentUid],
    ["recorder", envelope.recorder, caller.recorder],
    ...(bound === undefined
      ? []
      : ([
          ["namespace", envelope.namespace, caller.namespace],
          ["mission_uid", envelope.mission_uid, bound.missionUid],
          ["mission", envelope.mission, bound.mission],
          ["epoch", envelope.epoch, bound.epoch],
          ["about", envelope.about, undefined],
        ] as const)),
  ];
  const wrong = wanted.find(([, given, own]) => given !== own);
  if (wrong === undefined) return undefined;
  const [name, given, own] = wrong;
  return `the envelope says ${name} ${JSON.stringify(given)}, the token says ${JSON.stringify(own) ?? "none"}`;
};

/** What the record says beside the envelope must be the same fact. */
const contradiction = (record: LogRecordView, envelope: Envelope): string | undefined => {
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

const badRight = (envelope: Envelope, caller: Caller): string | undefined =>
  caller.producers.includes(envelope.producer) && mayWrite(envelope.producer, envelope.event_type)
    ? undefined
    : `producer ${envelope.producer} may not write ${envelope.event_type} here`;

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

type Read = { readonly ok: true; readonly frame: RecordedFrame } | { readonly ok: false; readonly reason: string };

const readFrame = (record: LogRecordView): Read => {
  if (record.bodyKind !== "string") return { ok: false, reason: "the body is not a string" };
  const envelopeText = decodeText(record.envelope);
  if (envelopeText === undefined) return { ok: false, reason: "the envelope is not UTF-8" };
  const parsed = parseEnvelope(envelopeText);
  if (!parsed.ok) return parsed;
  const { prevHash, hash, body: bytes } = record;
  return HASH.test(prevHash) && HASH.test(hash)
    ? { ok: true, frame: { envelope: parsed.envelope, envelopeText, bytes, prevHash, hash } }
    : { ok: false, reason: "enchanted.prev_hash and enchanted.hash are 64 hex digits each" };
};

const whyRefused = (record: LogRecordView, frame: RecordedFrame, caller: Caller): string | undefined =>
  contradiction(record, frame.envelope) ??
  badHash(frame) ??
  badBytes(frame.bytes, frame.envelope) ??
  badRight(frame.envelope, caller);

/** Checks a log record against who sent it: whose chain, whose right, which hash, which bytes. */
export const verifyFrame = (record: LogRecordView, caller: Caller): Verified => {
  const read = readFrame(record);
  if (!read.ok) return { kind: "malformed", reason: read.reason };
  const { frame } = read;
  const theirs = foreign(frame.envelope, caller);
  if (theirs !== undefined) return { kind: "foreign", reason: theirs };
  const reason = whyRefused(record, frame, caller);
  return reason === undefined ? { kind: "frame", frame } : { kind: "refused", frame, reason };
};
