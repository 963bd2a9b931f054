import { ENVELOPE_ATTRIBUTE, EVENT_NAME_PREFIX, HASH_ATTRIBUTE, PREV_HASH_ATTRIBUTE } from "./attributes.ts";
import { FIXED64, LENGTH_DELIMITED, WireReader } from "./wire.ts";

/** What a log record's body held. */
export type BodyKind = "none" | "string" | "bytes" | "other";

const EMPTY = Buffer.alloc(0);
const ENVELOPE_KEY = Buffer.from(ENVELOPE_ATTRIBUTE);
const PREV_HASH_KEY = Buffer.from(PREV_HASH_ATTRIBUTE);
const HASH_KEY = Buffer.from(HASH_ATTRIBUTE);

/** AnyValue fields of opentelemetry/proto/common/v1/common.proto: a oneof of numbers 1 to 7. */
const STRING_VALUE = 1;
const BYTES_VALUE = 7;

type AnyValue = { kind: BodyKind; start: number; stop: number };
const NOTHING: AnyValue = { kind: "none", start: 0, stop: 0 };

/** Protobuf's rule for a oneof: the last member on the wire holds. */
const readAnyValue = (reader: WireReader): AnyValue => {
  let found = NOTHING;
  while (reader.next()) {
    const { field } = reader;
    const length = reader.wireType === LENGTH_DELIMITED;
    reader.skip();
    const { start, stop } = reader;
    if (length && field === STRING_VALUE) found = { kind: "string", start, stop };
    else if (length && field === BYTES_VALUE) found = { kind: "bytes", start, stop };
    else if (field <= BYTES_VALUE) found = { kind: "other", start: 0, stop: 0 };
  }
  return found;
};

/**
 * One log record as offsets into the request: nothing is copied or turned into a string before it
 * is asked for, and every view shares the request's memory.
 */
export class LogRecordView {
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

  /** Reads the record's fields; throws `WireError` when the message is malformed. */
  constructor(record: WireReader) {
    this.buffer = record.buffer;
    while (record.next()) this.readField(record);
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
    else if (record.field === 5) this.readBody(record.message());
    else if (record.field === 6) this.readAttribute(record.message());
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

  private readBody(value: WireReader): void {
    const held = readAnyValue(value);
    this.bodyKind = held.kind;
    this.bodyStart = held.start;
    this.bodyStop = held.stop;
  }

  private readAttribute(pair: WireReader): void {
    let keyStart = 0;
    let keyStop = 0;
    let value: AnyValue = NOTHING;
    while (pair.next()) {
      if (pair.is(1, LENGTH_DELIMITED)) {
        pair.enter();
        keyStart = pair.start;
        keyStop = pair.stop;
      } else if (pair.is(2, LENGTH_DELIMITED)) value = readAnyValue(pair.message());
      else pair.skip();
    }
    if (value.kind === "string") this.keep(keyStart, keyStop, value.start, value.stop);
  }

  private keep(keyStart: number, keyStop: number, start: number, stop: number): void {
    const named = (key: Buffer): boolean =>
      keyStop - keyStart === key.length && this.buffer.compare(key, 0, key.length, keyStart, keyStop) === 0;
    if (named(ENVELOPE_KEY)) {
      this.envelopeStart = start;
      this.envelopeStop = stop;
    } else if (named(PREV_HASH_KEY)) {
      this.prevHashStart = start;
      this.prevHashStop = stop;
    } else if (named(HASH_KEY)) {
      this.hashStart = start;
      this.hashStop = stop;
    }
  }
}

const readScope = (scope: WireReader, into: LogRecordView[]): void => {
  while (scope.next()) {
    if (scope.is(2, LENGTH_DELIMITED)) into.push(new LogRecordView(scope.message()));
    else scope.skip();
  }
};

const readResource = (resource: WireReader, into: LogRecordView[]): void => {
  while (resource.next()) {
    if (resource.is(2, LENGTH_DELIMITED)) readScope(resource.message(), into);
    else resource.skip();
  }
};

/**
 * The log records of an ExportLogsServiceRequest in their order. Fields that we do not use are
 * skipped; throws `WireError` for truncated, overlong or otherwise malformed input.
 */
export const decodeLogsRequest = (request: Buffer): LogRecordView[] => {
  const records: LogRecordView[] = [];
  const reader = new WireReader(request);
  while (reader.next()) {
    if (reader.is(1, LENGTH_DELIMITED)) readResource(reader.message(), records);
    else reader.skip();
  }
  return records;
};
