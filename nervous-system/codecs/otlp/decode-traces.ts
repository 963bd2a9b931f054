import { intoAttributes } from "./any-value.ts";
import { decodeScoped } from "./decode-scoped.ts";
import type { OtlpScope, OtlpSpan, OtlpSpanEvent, OtlpSpanStatus } from "./model.ts";
import {
  readerOver,
  readFields,
  readFixed64,
  readHex,
  readText,
  takePart,
  type FieldReaders,
  type MessageParts,
  type ValueBudget,
} from "./read-fields.ts";
import { FIXED64, LENGTH_DELIMITED, VARINT, type WireReader } from "./wire.ts";

type Draft<T> = { -readonly [K in keyof T]: T[K] } & { attributes: Record<string, unknown>; budget: ValueBudget };

const eventFields: FieldReaders<Draft<OtlpSpanEvent>> = {
  1: [FIXED64, (reader, event) => void (event.timeNs = readFixed64(reader))],
  2: [LENGTH_DELIMITED, (reader, event) => void (event.name = readText(reader))],
  3: [LENGTH_DELIMITED, intoAttributes],
};

const readEvent = (reader: WireReader, budget: ValueBudget): OtlpSpanEvent => {
  budget.spend("event");
  const event: Draft<OtlpSpanEvent> = { timeNs: 0n, name: "", attributes: {}, budget };
  readFields(reader, eventFields, event);
  return { timeNs: event.timeNs, name: event.name, attributes: event.attributes };
};

/** The name of a `Status.StatusCode`; a number of a newer protocol counts as unset. */
export const statusCodeOf = (number: number): OtlpSpanStatus["code"] =>
  number === 1 ? "OK" : number === 2 ? "ERROR" : "UNSET";

const statusFields: FieldReaders<{ code: OtlpSpanStatus["code"]; message: string }> = {
  2: [LENGTH_DELIMITED, (reader, status) => void (status.message = readText(reader))],
  3: [VARINT, (reader, status) => void (status.code = statusCodeOf(reader.int32()))],
};

type SpanDraft = Draft<Omit<OtlpSpan, "events" | "status">> & { events: OtlpSpanEvent[]; statusParts: MessageParts };

/** Field numbers of Span in opentelemetry/proto/trace/v1/trace.proto. */
const spanFields: FieldReaders<SpanDraft> = {
  1: [LENGTH_DELIMITED, (reader, span) => void (span.traceId = readHex(reader))],
  2: [LENGTH_DELIMITED, (reader, span) => void (span.spanId = readHex(reader))],
  4: [LENGTH_DELIMITED, (reader, span) => void (span.parentSpanId = readHex(reader))],
  5: [LENGTH_DELIMITED, (reader, span) => void (span.name = readText(reader))],
  7: [FIXED64, (reader, span) => void (span.startNs = readFixed64(reader))],
  8: [FIXED64, (reader, span) => void (span.endNs = readFixed64(reader))],
  9: [LENGTH_DELIMITED, intoAttributes],
  11: [LENGTH_DELIMITED, (reader, span) => void span.events.push(readEvent(reader.message(), span.budget))],
  15: [LENGTH_DELIMITED, (reader, span) => takePart(reader, span.statusParts)],
};

const readSpan = (reader: WireReader, scope: OtlpScope, budget: ValueBudget): OtlpSpan => {
  const draft: SpanDraft = {
    scope,
    traceId: "",
    spanId: "",
    parentSpanId: "",
    name: "",
    startNs: 0n,
    endNs: 0n,
    attributes: {},
    events: [],
    statusParts: [],
    budget,
  };
  readFields(reader, spanFields, draft);
  const status: { code: OtlpSpanStatus["code"]; message: string } = { code: "UNSET", message: "" };
  readFields(readerOver(reader.buffer, draft.statusParts), statusFields, status);
  const { budget: _budget, statusParts: _parts, ...span } = draft;
  return { ...span, status };
};

/** The spans of an ExportTraceServiceRequest in their order; throws `WireError` for malformed input. */
export const decodeTraces = (request: Buffer): OtlpSpan[] => decodeScoped(request, readSpan);
