import { isUtf8 } from "node:buffer";
import { ENVELOPE_ATTRIBUTE, EVENT_NAME_PREFIX, HASH_ATTRIBUTE, PREV_HASH_ATTRIBUTE } from "./attributes.ts";
import type { BodyKind, LogRecord } from "./model.ts";
import { ValueBudget } from "./read-fields.ts";
import { FIXED64, LENGTH_DELIMITED, VARINT, WireReader } from "./wire.ts";

const EMPTY = Buffer.alloc(0);
const ENVELOPE_KEY = Buffer.from(ENVELOPE_ATTRIBUTE);
const PREV_HASH_KEY = Buffer.from(PREV_HASH_ATTRIBUTE);
const HASH_KEY = Buffer.from(HASH_ATTRIBUTE);

/** AnyValue fields of opentelemetry/proto/common/v1/common.proto: a oneof of numbers 1 to 7, with the wire type of each. */
const STRING_VALUE = 1;
const BYTES_VALUE = 7;
const BYTES = LENGTH_DELIMITED;
const WIRE_TYPES = [-1, BYTES, VARINT, VARINT, FIXED64, BYTES, BYTES, BYTES];

/** Where the value that `readAnyValue` read last stands, and what it is: there is one reader at a time. */
const value = { kind: "none" as BodyKind, start: 0, stop: 0 };

const setValue = (kind: BodyKind, start: number, stop: number): void => {
  value.kind = kind;
  value.start = start;
  value.stop = stop;
};

/**
 * Reads the AnyValue that follows into `value`. Protobuf's rules: of a oneof the last member on the wire holds, and a
 * message that stands twice goes on where it was.
 */
const readAnyValue = (reader: WireReader): void => {
  const outer = reader.descend();
  while (reader.next()) {
    const { field, wireType } = reader;
    reader.skip();
    if (wireType !== WIRE_TYPES[field]) continue;
    if (field === STRING_VALUE) setValue("string", reader.start, reader.stop);
    else if (field === BYTES_VALUE) setValue("bytes", reader.start, reader.stop);
    else setValue("other", 0, 0);
  }
  reader.ascend(outer);
};

const equals = (buffer: Buffer, start: number, stop: number, key: Buffer): boolean => {
  if (stop - start !== key.length) return false;
  // From behind: the names that we look for all begin alike. A call into Node would cost more than this loop.
  for (let i = key.length - 1; i >= 0; i -= 1) if (buffer[start + i] !== key[i]) return false;
  return true;
};

/**
 * One log record as offsets into the request: nothing is copied or turned into a string before it
 * is asked for, and every view shares the request's memory.
 */
export class LogRecordView implements LogRecord {
  bodyKind: BodyKind = "none";
  private readonly buffer: Buffer;
  private timeAt = -1;
  private observedAt = -1;
  private nameStart = 0;
  private nameStop = 0;
  private bodyStart = 0;
  private bodyStop = 0;
  private envelopeStart = 0;
  private envelopeStop = 0;
  private prevHashStart = 0;
  private prevHashStop = 0;
  private hashStart = 0;
  private hashStop = 0;
  private traceStart = 0;
  private traceStop = 0;
  private spanStart = 0;
  private spanStop = 0;
  private readonly from: number;
  private readonly to: number;

  /** Reads the fields of the record that `record` has gone into; throws `WireError` when it is malformed. */
  constructor(record: WireReader) {
    this.buffer = record.buffer;
    this.from = record.offset;
    while (record.next()) this.readField(record);
    this.to = record.offset;
  }

  /** The record as it was sent, without tag and length. */
  get raw(): Buffer {
    return this.buffer.subarray(this.from, this.to);
  }

  /** `time_unix_nano`, 0 when absent. */
  get timeUnixNano(): bigint {
    return this.timeAt < 0 ? 0n : this.buffer.readBigUInt64LE(this.timeAt);
  }

  /** `observed_time_unix_nano`, 0 when absent. */
  get observedTimeUnixNano(): bigint {
    return this.observedAt < 0 ? 0n : this.buffer.readBigUInt64LE(this.observedAt);
  }

  /** `event_name` as it was sent. */
  get eventName(): string {
    return this.buffer.toString("utf8", this.nameStart, this.nameStop);
  }

  /** The frame type named by `event_name`; undefined when it lacks the prefix. */
  get eventType(): string | undefined {
    const name = this.eventName;
    return name.startsWith(EVENT_NAME_PREFIX) ? name.slice(EVENT_NAME_PREFIX.length) : undefined;
  }

  /** The body's bytes when it is a string or bytes, else empty. */
  get body(): Buffer {
    return this.view(this.bodyStart, this.bodyStop);
  }

  /** Bytes of attribute `enchanted.envelope`, empty when absent or not a string. */
  get envelope(): Buffer {
    return this.view(this.envelopeStart, this.envelopeStop);
  }

  /** Text of attribute `enchanted.envelope`, empty when absent; undefined when it is not UTF-8. */
  get envelopeText(): string | undefined {
    const text = this.buffer.toString("utf8", this.envelopeStart, this.envelopeStop);
    return text.includes("\ufffd") && !isUtf8(this.envelope) ? undefined : text;
  }

  /** Text of attribute `enchanted.prev_hash`, empty when absent. */
  get prevHash(): string {
    return this.buffer.toString("latin1", this.prevHashStart, this.prevHashStop);
  }

  /** Text of attribute `enchanted.hash`, empty when absent. */
  get hash(): string {
    return this.buffer.toString("latin1", this.hashStart, this.hashStop);
  }

  /** `trace_id`, hex. */
  get traceId(): string {
    return this.buffer.toString("hex", this.traceStart, this.traceStop);
  }

  /** `span_id`, hex. */
  get spanId(): string {
    return this.buffer.toString("hex", this.spanStart, this.spanStop);
  }

  private view(start: number, stop: number): Buffer {
    return start === stop ? EMPTY : this.buffer.subarray(start, stop);
  }

  private readField(record: WireReader): void {
    if (record.wireType === FIXED64) this.readTime(record);
    else if (record.wireType !== LENGTH_DELIMITED) record.skip();
    else if (record.field === 5) this.readBody(record);
    else if (record.field === 6) this.readAttribute(record);
    else this.readText(record);
  }

  private readTime(record: WireReader): void {
    const at = record.fixed64();
    if (record.field === 1) this.timeAt = at;
    else if (record.field === 11) this.observedAt = at;
  }

  private readText(record: WireReader): void {
    record.enter();
    if (record.field === 12) {
      this.nameStart = record.start;
      this.nameStop = record.stop;
    } else if (record.field === 9) {
      this.traceStart = record.start;
      this.traceStop = record.stop;
    } else if (record.field === 10) {
      this.spanStart = record.start;
      this.spanStop = record.stop;
    }
  }

  private readBody(record: WireReader): void {
    setValue(this.bodyKind, this.bodyStart, this.bodyStop);
    readAnyValue(record);
    this.bodyKind = value.kind;
    this.bodyStart = value.start;
    this.bodyStop = value.stop;
  }

  private readAttribute(record: WireReader): void {
    const outer = record.descend();
    let keyStart = 0;
    let keyStop = 0;
    setValue("none", 0, 0);
    while (record.next()) {
      if (record.is(1, LENGTH_DELIMITED)) {
        record.enter();
        keyStart = record.start;
        keyStop = record.stop;
      } else if (record.is(2, LENGTH_DELIMITED)) readAnyValue(record);
      else record.skip();
    }
    record.ascend(outer);
    if (value.kind === "string") this.keep(keyStart, keyStop, value.start, value.stop);
  }

  private keep(keyStart: number, keyStop: number, start: number, stop: number): void {
    if (equals(this.buffer, keyStart, keyStop, ENVELOPE_KEY)) {
      this.envelopeStart = start;
      this.envelopeStop = stop;
    } else if (equals(this.buffer, keyStart, keyStop, PREV_HASH_KEY)) {
      this.prevHashStart = start;
      this.prevHashStop = stop;
    } else if (equals(this.buffer, keyStart, keyStop, HASH_KEY)) {
      this.hashStart = start;
      this.hashStop = stop;
    }
  }
}

type Records = { readonly views: LogRecordView[]; readonly budget: ValueBudget };

const readRecords = (reader: WireReader, { views, budget }: Records): void => {
  while (reader.next()) {
    if (!reader.is(2, LENGTH_DELIMITED)) reader.skip();
    else {
      budget.spend("record");
      const outer = reader.descend();
      views.push(new LogRecordView(reader));
      reader.ascend(outer);
    }
  }
};

const readScopes = (reader: WireReader, into: Records): void => {
  while (reader.next()) {
    if (!reader.is(2, LENGTH_DELIMITED)) reader.skip();
    else {
      const outer = reader.descend();
      readRecords(reader, into);
      reader.ascend(outer);
    }
  }
};

/**
 * The log records of an ExportLogsServiceRequest in their order. Fields that we do not use are
 * skipped; throws `WireError` for truncated, overlong or otherwise malformed input.
 */
export const decodeLogsRequest = (request: Buffer): LogRecordView[] => {
  const records: Records = { views: [], budget: new ValueBudget(request.length) };
  const reader = new WireReader(request);
  while (reader.next()) {
    if (!reader.is(1, LENGTH_DELIMITED)) reader.skip();
    else {
      const outer = reader.descend();
      readScopes(reader, records);
      reader.ascend(outer);
    }
  }
  return records.views;
};
