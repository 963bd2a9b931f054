/** Attributes as JavaScript values: string, boolean, number (int64 beyond 2^53 as bigint), Buffer for bytes, array, object. */
export type Attributes = Readonly<Record<string, unknown>>;

/** Who emitted a record: instrumentation scope and resource. */
export type OtlpScope = {
  readonly name: string;
  readonly version: string;
  /** Schema of the scope, else of the resource; empty when neither names one. */
  readonly schemaUrl: string;
  readonly resource: Attributes;
};

/** Something that happened while a span was open. */
export type OtlpSpanEvent = {
  readonly timeNs: bigint;
  readonly name: string;
  readonly attributes: Attributes;
};

/** How a span ended. */
export type OtlpSpanStatus = {
  readonly code: "UNSET" | "OK" | "ERROR";
  readonly message: string;
};

/** A span, however it was encoded. Ids are lower-case hex, empty when absent; times are Unix nanoseconds, 0 when absent. */
export type OtlpSpan = {
  readonly scope: OtlpScope;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Attributes;
  readonly events: readonly OtlpSpanEvent[];
  readonly status: OtlpSpanStatus;
};

/** A log record, however it was encoded. Ids are lower-case hex, empty when absent; times are Unix nanoseconds, 0 when absent. */
export type OtlpLog = {
  readonly scope: OtlpScope;
  readonly traceId: string;
  readonly spanId: string;
  readonly timeNs: bigint;
  readonly observedNs: bigint;
  /** `severity_text`, else the name of `severity_number`; empty when neither is set. */
  readonly severity: string;
  readonly eventName: string;
  /** A value as in `Attributes`; undefined when there is none. */
  readonly body: unknown;
  readonly attributes: Attributes;
};

/** What a log record's body held. */
export type BodyKind = "none" | "string" | "bytes" | "other";

/** The fields of a log record that carries a sequenced frame, from whichever encoding. */
export type LogRecord = {
  /** The record as it was sent in protobuf, without tag and length; absent where it came as JSON. */
  readonly raw?: Buffer;
  readonly bodyKind: BodyKind;
  /** `time_unix_nano`, 0 when absent. */
  readonly timeUnixNano: bigint;
  /** `observed_time_unix_nano`, 0 when absent. */
  readonly observedTimeUnixNano: bigint;
  /** `event_name` as it was sent. */
  readonly eventName: string;
  /** The frame type named by `event_name`; undefined when it lacks the prefix. */
  readonly eventType: string | undefined;
  /** The body's bytes when it is a string or bytes, else empty. */
  readonly body: Buffer;
  /** Bytes of attribute `enchanted.envelope`, empty when absent or not a string. */
  readonly envelope: Buffer;
  /** The same as text; undefined when it is not UTF-8. */
  readonly envelopeText: string | undefined;
  /** Text of attribute `enchanted.prev_hash`, empty when absent. */
  readonly prevHash: string;
  /** Text of attribute `enchanted.hash`, empty when absent. */
  readonly hash: string;
  /** `trace_id`, hex. */
  readonly traceId: string;
  /** `span_id`, hex. */
  readonly spanId: string;
};
