import fc from "fast-check";
import protobuf from "protobufjs";
import type { OtlpLog, OtlpScope, OtlpSpan } from "#nervous-system/codecs/otlp/model.ts";
import { severityName } from "#nervous-system/codecs/otlp/severity.ts";

// Field numbers from the OTLP specification. Strings are described as bytes, which is the same on the wire, so that any
// bytes can stand in them.
/** OTLP by another implementation, what it answers included. */
export const { root: otlpOracle } = protobuf.parse(`
  syntax = "proto3";
  message Traces { repeated ResourceSpans resource_spans = 1; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; bytes schema_url = 3; }
  message ScopeSpans { Scope scope = 1; repeated Span spans = 2; bytes schema_url = 3; }
  message Span {
    bytes trace_id = 1; bytes span_id = 2; bytes trace_state = 3; bytes parent_span_id = 4; bytes name = 5; int32 kind = 6;
    fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9;
    uint32 dropped_attributes_count = 10; repeated Event events = 11; repeated Link links = 13; Status status = 15;
    fixed32 flags = 16;
  }
  message Event { fixed64 time_unix_nano = 1; bytes name = 2; repeated KeyValue attributes = 3; }
  message Link { bytes trace_id = 1; bytes span_id = 2; }
  message Status { bytes message = 2; int32 code = 3; }
  message Logs { repeated ResourceLogs resource_logs = 1; }
  message ResourceLogs { Resource resource = 1; repeated ScopeLogs scope_logs = 2; bytes schema_url = 3; }
  message ScopeLogs { Scope scope = 1; repeated LogRecord log_records = 2; bytes schema_url = 3; }
  message LogRecord {
    fixed64 time_unix_nano = 1; int32 severity_number = 2; bytes severity_text = 3; AnyValue body = 5;
    repeated KeyValue attributes = 6; uint32 dropped_attributes_count = 7; fixed32 flags = 8;
    bytes trace_id = 9; bytes span_id = 10; fixed64 observed_time_unix_nano = 11; bytes event_name = 12;
  }
  message Resource { repeated KeyValue attributes = 1; uint32 dropped_attributes_count = 2; }
  message Scope { bytes name = 1; bytes version = 2; }
  message KeyValue { bytes key = 1; AnyValue value = 2; }
  message AnyValue { oneof value {
    bytes string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4;
    ArrayValue array_value = 5; KeyValueList kvlist_value = 6; bytes bytes_value = 7; } }
  message ArrayValue { repeated AnyValue values = 1; }
  message KeyValueList { repeated KeyValue values = 1; }
  message Response { PartialSuccess partial_success = 1; }
  message PartialSuccess { int64 rejected_log_records = 1; string error_message = 2; }
  message RpcStatus { int32 code = 1; string message = 2; repeated Any details = 3; }
  message Any { string type_url = 1; bytes value = 2; }
  message RetryInfo { Duration retry_delay = 1; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
`);
const Traces = otlpOracle.lookupType("Traces");
const Logs = otlpOracle.lookupType("Logs");

// What a test writes: the members of the messages, in protobuf's lowerCamelCase, strings as strings.
type Fields = Readonly<Record<string, unknown>>;
type Value = { [member: string]: unknown };

const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array || Buffer.isBuffer(value);

/** Strings become their bytes; everything else stays. */
const wired = (name: string, value: unknown): unknown => {
  if (name.endsWith("Id") && typeof value === "string") return Buffer.from(value, "hex");
  if (name === "intValue" || name.endsWith("Nano")) return value;
  if (name === "doubleValue") return Number(value);
  if (typeof value === "string") return Buffer.from(value, name === "bytesValue" ? "base64" : "utf8");
  if (Array.isArray(value)) return value.map((item) => wired("", item));
  if (typeof value !== "object" || value === null || isBytes(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, wired(key, held)]));
};

const encode = (type: protobuf.Type, request: Fields): Buffer =>
  Buffer.from(type.encode(type.fromObject(wired("", request) as Fields)).finish());

/** Encodes `{resourceSpans: […]}`. */
export const encodeTraces = (request: Fields): Buffer => encode(Traces, request);

/** Encodes `{resourceLogs: […]}`. */
export const encodeLogs = (request: Fields): Buffer => encode(Logs, request);

const jsonOf = (_name: string, value: unknown): unknown => {
  if (Object.is(value, -0)) return "-0";
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  return value;
};

/** The same request as OTLP/JSON. */
export const renderOtlpJson = (request: Fields): Buffer => {
  const convert = (value: unknown): unknown => {
    if (isBytes(value)) return Buffer.from(value).toString("base64");
    if (Array.isArray(value)) return value.map(convert);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, convert(held)]));
  };
  return Buffer.from(JSON.stringify(convert(request), jsonOf));
};

const text = (bytes: unknown): string => Buffer.from((bytes as Uint8Array | undefined) ?? []).toString("utf8");
const hex = (bytes: unknown): string => Buffer.from((bytes as Uint8Array | undefined) ?? []).toString("hex");
const big = (value: unknown): bigint => BigInt(String(value));

const scalarOf: Readonly<Record<string, (value: unknown) => unknown>> = {
  stringValue: text,
  boolValue: (value) => value,
  intValue: (value) => (Number.isSafeInteger(Number(big(value))) ? Number(big(value)) : big(value)),
  doubleValue: (value) => value,
  bytesValue: (value) => Buffer.from(value as Uint8Array),
  arrayValue: (value) => (value as { values: unknown[] }).values.map(valueOf),
  kvlistValue: (value) => attributesOf((value as { values: unknown[] }).values),
};

const valueOf = (any: unknown): unknown => {
  const held = any as (Value & { value?: string }) | null;
  const member = held?.value;
  return member === undefined ? null : scalarOf[member]?.(held?.[member]);
};

const attributesOf = (pairs: readonly unknown[]): Record<string, unknown> => {
  const entries = pairs.map((pair) => [text((pair as Value)["key"]), valueOf((pair as Value)["value"])] as const);
  return Object.fromEntries(entries);
};

type Decoded = { [member: string]: Decoded & Decoded[] };

const scopesOf = (resource: Decoded, scopes: string): Array<{ scope: OtlpScope; inner: Decoded }> =>
  (resource[scopes] as Decoded[]).map((inner) => ({
    inner,
    scope: {
      name: text(inner["scope"]?.["name"]),
      version: text(inner["scope"]?.["version"]),
      schemaUrl: text(inner["schemaUrl"]) || text(resource["schemaUrl"]),
      resource: attributesOf(resource["resource"]?.["attributes"] ?? []),
    },
  }));

const spanOf = (scope: OtlpScope, span: Decoded): OtlpSpan => {
  const code = Number(span["status"]?.["code"] ?? 0);
  return {
    scope,
    traceId: hex(span["traceId"]),
    spanId: hex(span["spanId"]),
    parentSpanId: hex(span["parentSpanId"]),
    name: text(span["name"]),
    startNs: big(span["startTimeUnixNano"]),
    endNs: big(span["endTimeUnixNano"]),
    attributes: attributesOf(span["attributes"] as Decoded[]),
    events: (span["events"] as Decoded[]).map((event) => ({
      timeNs: big(event["timeUnixNano"]),
      name: text(event["name"]),
      attributes: attributesOf(event["attributes"] as Decoded[]),
    })),
    status: { code: code === 1 ? "OK" : code === 2 ? "ERROR" : "UNSET", message: text(span["status"]?.["message"]) },
  };
};

const logOf = (scope: OtlpScope, log: Decoded): OtlpLog => ({
  scope,
  traceId: hex(log["traceId"]),
  spanId: hex(log["spanId"]),
  timeNs: big(log["timeUnixNano"]),
  observedNs: big(log["observedTimeUnixNano"]),
  severity: text(log["severityText"]) || severityName(Number(log["severityNumber"])),
  eventName: text(log["eventName"]),
  body: valueOf(log["body"]) ?? undefined,
  attributes: attributesOf(log["attributes"] as Decoded[]),
});

const decode = <T>(
  type: protobuf.Type,
  bytes: Uint8Array,
  [resources, scopes, items]: readonly [string, string, string],
  read: (scope: OtlpScope, item: Decoded) => T,
): T[] => {
  const request = type.decode(bytes) as unknown as Decoded;
  return (request[resources] as Decoded[]).flatMap((resource) =>
    scopesOf(resource, scopes).flatMap(({ scope, inner }) =>
      (inner[items] as Decoded[]).map((item) => read(scope, item)),
    ),
  );
};

/** What the protobuf library reads as spans. */
export const tracesByOracle = (bytes: Uint8Array): OtlpSpan[] =>
  decode(Traces, bytes, ["resourceSpans", "scopeSpans", "spans"], spanOf);

/** What the protobuf library reads as log records. */
export const logsByOracle = (bytes: Uint8Array): OtlpLog[] =>
  decode(Logs, bytes, ["resourceLogs", "scopeLogs", "logRecords"], logOf);

const unicode = fc.string({ unit: "grapheme", maxLength: 20 });
const key = fc.oneof(fc.constantFrom("agent.id", "__proto__", "constructor", "payload", ""), unicode);
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);

const { value } = fc.letrec<{ value: Value; pair: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.record({ stringValue: unicode }),
    fc.record({ boolValue: fc.boolean() }),
    fc.record({ intValue: fc.oneof(int64, fc.integer().map(String)) }),
    fc.record({ doubleValue: fc.double() }),
    fc.record({ bytesValue: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)) }),
    fc.constant({}),
    fc.record({ arrayValue: fc.record({ values: fc.array(tie("value"), { maxLength: 4 }) }) }),
    fc.record({ kvlistValue: fc.record({ values: fc.array(tie("pair"), { maxLength: 4 }) }) }),
  ),
  pair: fc.record({ key, value: tie("value") }),
}));

const attributes = fc.array(fc.record({ key, value }, { requiredKeys: ["key"] }), { maxLength: 5 });
const idOf = (length: number): fc.Arbitrary<string> =>
  fc.oneof(fc.uint8Array({ minLength: length, maxLength: length }), fc.uint8Array({ maxLength: 20 })).map(hex);
const time = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String);

const span = fc.record(
  {
    traceId: idOf(16),
    spanId: idOf(8),
    parentSpanId: idOf(8),
    name: unicode,
    kind: fc.nat(5),
    startTimeUnixNano: time,
    endTimeUnixNano: time,
    attributes,
    events: fc.array(fc.record({ timeUnixNano: time, name: unicode, attributes }, { requiredKeys: [] }), {
      maxLength: 3,
    }),
    links: fc.array(fc.record({ traceId: idOf(16), spanId: idOf(8) }), { maxLength: 2 }),
    status: fc.record({ code: fc.nat(3), message: unicode }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
);

const log = fc.record(
  {
    traceId: idOf(16),
    spanId: idOf(8),
    timeUnixNano: time,
    observedTimeUnixNano: time,
    severityNumber: fc.integer({ min: -1, max: 26 }),
    severityText: unicode,
    eventName: unicode,
    body: value,
    attributes,
  },
  { requiredKeys: [] },
);

const requestOf = (item: fc.Arbitrary<Value>, names: readonly [string, string, string]): fc.Arbitrary<Fields> => {
  const [resources, scopes, items] = names;
  const owner = fc.record({ name: unicode, version: unicode }, { requiredKeys: [] });
  const inner = fc.record(
    { scope: owner, [items]: fc.array(item, { maxLength: 3 }), schemaUrl: unicode },
    { requiredKeys: [] },
  );
  const outer = fc.record(
    { resource: fc.record({ attributes }), [scopes]: fc.array(inner, { maxLength: 3 }), schemaUrl: unicode },
    { requiredKeys: [] },
  );
  return fc.record({ [resources]: fc.array(outer, { maxLength: 3 }) });
};

/** Any ExportTraceServiceRequest, for `encodeTraces` and `renderOtlpJson`. */
export const anyTraces: fc.Arbitrary<Fields> = requestOf(span, ["resourceSpans", "scopeSpans", "spans"]);

/** Any ExportLogsServiceRequest, for `encodeLogs` and `renderOtlpJson`. */
export const anyLogs: fc.Arbitrary<Fields> = requestOf(log, ["resourceLogs", "scopeLogs", "logRecords"]);
