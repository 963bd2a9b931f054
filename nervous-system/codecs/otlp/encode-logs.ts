import { ENVELOPE_ATTRIBUTE, EVENT_NAME_PREFIX, HASH_ATTRIBUTE, PREV_HASH_ATTRIBUTE } from "./attributes.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { fieldSize, WireWriter } from "./wire.ts";

/** The fields of a frame's log record. */
export type FrameRecord = {
  /** Frame type, UPPER_SNAKE, without prefix. */
  readonly eventType: string;
  /** The producer's timestamp, nanoseconds since the Unix epoch. */
  readonly timeUnixNano: bigint;
  /** The recorder's time, nanoseconds since the Unix epoch. */
  readonly observedTimeUnixNano: bigint;
  /** The producer's part: UTF-8 JSON, never re-encoded. */
  readonly bytes: Uint8Array;
  /** The envelope's exact RFC 8785 text. */
  readonly envelope: string;
  /** Hex, 64 characters. */
  readonly prevHash: string;
  /** Hex, 64 characters. */
  readonly hash: string;
  /** Hex, 32 characters. */
  readonly traceId?: string | undefined;
  /** Hex, 16 characters. */
  readonly spanId?: string | undefined;
};

/** LogRecord field numbers of opentelemetry/proto/logs/v1/logs.proto. */
const RECORD = { time: 1, body: 5, attributes: 6, traceId: 9, spanId: 10, observed: 11, name: 12 };
const FIXED64_FIELD_SIZE = 9;

type Sized = {
  frame: FrameRecord;
  name: string;
  nameSize: number;
  envelopeSize: number;
  size: number;
};

/** AnyValue{string_value} of `length` bytes inside KeyValue{key, value}. */
const attributeSize = (key: string, length: number): number => fieldSize(key.length) + fieldSize(fieldSize(length));

const hexFieldSize = (hex: string | undefined): number => (hex === undefined ? 0 : fieldSize(hex.length / 2));

const HASH_CHARS = 64;

/** Most that a frame's log record takes without ids, bytes: what is larger holds more than a frame. */
export const plainRecordSize = (typeChars: number, bodyBytes: number, envelopeBytes: number): number =>
  FIXED64_FIELD_SIZE * 2 +
  fieldSize(EVENT_NAME_PREFIX.length + typeChars) +
  fieldSize(fieldSize(bodyBytes)) +
  fieldSize(attributeSize(ENVELOPE_ATTRIBUTE, envelopeBytes)) +
  fieldSize(attributeSize(PREV_HASH_ATTRIBUTE, HASH_CHARS)) +
  fieldSize(attributeSize(HASH_ATTRIBUTE, HASH_CHARS));

const measure = (frame: FrameRecord): Sized => {
  const name = EVENT_NAME_PREFIX + frame.eventType;
  const nameSize = Buffer.byteLength(name);
  const envelopeSize = Buffer.byteLength(frame.envelope);
  const size =
    FIXED64_FIELD_SIZE * 2 +
    fieldSize(nameSize) +
    fieldSize(fieldSize(frame.bytes.length)) +
    fieldSize(attributeSize(ENVELOPE_ATTRIBUTE, envelopeSize)) +
    fieldSize(attributeSize(PREV_HASH_ATTRIBUTE, frame.prevHash.length)) +
    fieldSize(attributeSize(HASH_ATTRIBUTE, frame.hash.length)) +
    hexFieldSize(frame.traceId) +
    hexFieldSize(frame.spanId);
  return { frame, name, nameSize, envelopeSize, size };
};

const writeAttribute = (out: WireWriter, key: string, value: string, length: number): void => {
  out.open(RECORD.attributes, attributeSize(key, length));
  out.text(1, key, key.length);
  out.open(2, fieldSize(length));
  out.text(1, value, length);
};

const writeRecord = (out: WireWriter, sized: Sized): void => {
  const { frame } = sized;
  out.fixed64(RECORD.time, frame.timeUnixNano);
  out.open(RECORD.body, fieldSize(frame.bytes.length));
  out.bytes(1, frame.bytes);
  writeAttribute(out, ENVELOPE_ATTRIBUTE, frame.envelope, sized.envelopeSize);
  writeAttribute(out, PREV_HASH_ATTRIBUTE, frame.prevHash, frame.prevHash.length);
  writeAttribute(out, HASH_ATTRIBUTE, frame.hash, frame.hash.length);
  if (frame.traceId !== undefined) out.bytes(RECORD.traceId, Buffer.from(frame.traceId, "hex"));
  if (frame.spanId !== undefined) out.bytes(RECORD.spanId, Buffer.from(frame.spanId, "hex"));
  out.fixed64(RECORD.observed, frame.observedTimeUnixNano);
  out.text(RECORD.name, sized.name, sized.nameSize);
};

/** A frame's log record; where its producer's time is not known, the recorder's stands for it. */
export const frameRecord = (frame: RecordedFrame & { readonly claimedNs?: bigint }): FrameRecord => {
  const { event_type, observed, trace_id, span_id } = frame.envelope;
  const observedNs = BigInt(observed);
  return {
    eventType: event_type,
    timeUnixNano: frame.claimedNs ?? observedNs,
    observedTimeUnixNano: observedNs,
    bytes: frame.bytes,
    envelope: frame.envelopeText,
    prevHash: frame.prevHash,
    hash: frame.hash,
    traceId: trace_id,
    spanId: span_id,
  };
};

/** Opens resource and scope of a request that has one of each, with log records of `sizes`. */
const openRequest = (sizes: readonly number[]): WireWriter => {
  const scopeSize = sizes.reduce((sum, size) => sum + fieldSize(size), 0);
  const resourceSize = fieldSize(scopeSize);
  const out = new WireWriter(fieldSize(resourceSize));
  out.open(1, resourceSize); // resource_logs
  out.open(2, scopeSize); // scope_logs
  return out;
};

/** Encodes frames, in order, as one ExportLogsServiceRequest with one resource and one scope. */
export const encodeLogsRequest = (frames: readonly FrameRecord[]): Buffer => {
  const sized = frames.map(measure);
  const out = openRequest(sized.map(({ size }) => size));
  for (const record of sized) {
    out.open(2, record.size); // log_records
    writeRecord(out, record);
  }
  return out.finish();
};

/** Encodes one LogRecord, without tag and length. */
export const encodeRecord = (frame: FrameRecord): Buffer => {
  const sized = measure(frame);
  const out = new WireWriter(sized.size);
  writeRecord(out, sized);
  return out.finish();
};

/** Whether `next` stands right behind `record` in one request, with nothing but its own tag and length between. */
const follows = (record: Uint8Array, next: Uint8Array): boolean => {
  const end = record.byteOffset + record.length;
  const between = next.byteOffset - end;
  if (next.buffer !== record.buffer || between !== fieldSize(next.length) - next.length) return false;
  // In memory that buffers share, others may lie just as near to each other.
  const header = new WireWriter(between);
  header.open(2, next.length);
  return header.finish().equals(new Uint8Array(next.buffer, end, between));
};

/** Joins encoded LogRecords, which stay as they are, into one ExportLogsServiceRequest. */
export const joinRecords = (records: readonly Uint8Array[]): Buffer => {
  const out = openRequest(records.map(({ length }) => length));
  for (let from = 0; from < records.length;) {
    const first = records[from] as Uint8Array;
    let last = first;
    for (from += 1; from < records.length && follows(last, records[from] as Uint8Array); from += 1)
      last = records[from] as Uint8Array;
    // Neighbours of one request are copied at once, with the tags and lengths between them.
    const end = last.byteOffset + last.length;
    out.open(2, first.length);
    out.raw(new Uint8Array(first.buffer, first.byteOffset, end - first.byteOffset));
  }
  return out.finish();
};

/** Size of an encoded LogRecord, without tag and length, bytes. */
export const recordSize = (frame: FrameRecord): number => measure(frame).size;
