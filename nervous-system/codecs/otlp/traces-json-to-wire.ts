import { jsonToWire, type Field, type Message } from "./json-to-wire.ts";

// The messages of opentelemetry/proto/trace/v1/trace.proto and common/v1/common.proto as their JSON mapping names them.
const field = (number: number, kind: Field["kind"], names?: Field["names"]): Field =>
  names === undefined ? { number, kind } : { number, kind, names };

const anyValue: Message = {
  stringValue: field(1, "text"),
  boolValue: field(2, "bool"),
  intValue: field(3, "int"),
  doubleValue: field(4, "double"),
  arrayValue: field(5, () => ({ values: field(1, () => anyValue) })),
  kvlistValue: field(6, () => ({ values: field(1, () => keyValue) })),
  bytesValue: field(7, "base64"),
};
const keyValue: Message = { key: field(1, "text"), value: field(2, () => anyValue) };
const attributes = (number: number): Field => field(number, () => keyValue);
const event: Message = {
  timeUnixNano: field(1, "fixed64"),
  name: field(2, "text"),
  attributes: attributes(3),
  droppedAttributesCount: field(4, "int"),
};
const link: Message = {
  traceId: field(1, "hex"),
  spanId: field(2, "hex"),
  traceState: field(3, "text"),
  attributes: attributes(4),
  droppedAttributesCount: field(5, "int"),
  flags: field(6, "fixed32"),
};
const statusCodes = { STATUS_CODE_UNSET: 0, STATUS_CODE_OK: 1, STATUS_CODE_ERROR: 2 };
const kinds = Object.fromEntries(
  ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"].map((name, at) => [`SPAN_KIND_${name}`, at]),
);
const span: Message = {
  traceId: field(1, "hex"),
  spanId: field(2, "hex"),
  traceState: field(3, "text"),
  parentSpanId: field(4, "hex"),
  name: field(5, "text"),
  kind: field(6, "int", kinds),
  startTimeUnixNano: field(7, "fixed64"),
  endTimeUnixNano: field(8, "fixed64"),
  attributes: attributes(9),
  droppedAttributesCount: field(10, "int"),
  events: field(11, () => event),
  droppedEventsCount: field(12, "int"),
  links: field(13, () => link),
  droppedLinksCount: field(14, "int"),
  status: field(15, () => ({ message: field(2, "text"), code: field(3, "int", statusCodes) })),
  flags: field(16, "fixed32"),
};
const scope: Message = {
  name: field(1, "text"),
  version: field(2, "text"),
  attributes: attributes(3),
  droppedAttributesCount: field(4, "int"),
};
const resource: Message = { attributes: attributes(1), droppedAttributesCount: field(2, "int") };
const scopeSpans: Message = { scope: field(1, () => scope), spans: field(2, () => span), schemaUrl: field(3, "text") };
const resourceSpans: Message = {
  resource: field(1, () => resource),
  scopeSpans: field(2, () => scopeSpans),
  schemaUrl: field(3, "text"),
};

/** The protobuf form of a JSON ExportTraceServiceRequest, for backends that take no JSON; throws `WireError`. */
export const tracesJsonToWire = (body: Buffer): Buffer =>
  jsonToWire({ resourceSpans: field(1, () => resourceSpans) }, body);
