// What opentelemetry/proto's traces, logs and common values are called in JSON.
const names =
  "resourceSpans resourceLogs resourceMetrics resource scopeSpans scopeLogs scopeMetrics scope schemaUrl name version " +
  "attributes spans logRecords traceId spanId parentSpanId traceState flags kind startTimeUnixNano endTimeUnixNano events " +
  "links status code message timeUnixNano observedTimeUnixNano severityNumber severityText body eventName " +
  "droppedAttributesCount droppedEventsCount droppedLinksCount key value values stringValue boolValue intValue " +
  "doubleValue arrayValue kvlistValue bytesValue";

const known: ReadonlySet<string> = new Set(names.split(" "));
const folded = (name: string): string => name.replaceAll("_", "").toLowerCase();
const spellings: ReadonlyMap<string, string> = new Map([
  ...[...known].map((name) => [folded(name), name] as const),
  // As scopes were called before OTLP 0.15.
  ["instrumentationlibraryspans", "scopeSpans"],
  ["instrumentationlibrarylogs", "scopeLogs"],
  ["instrumentationlibrary", "scope"],
]);

/**
 * How OTLP/JSON spells a member that is there in another spelling, such as `resource_spans` or `TraceId`; undefined for its
 * own members, and for those that it does not know, which a receiver leaves alone.
 */
export const rightSpelling = (name: string): string | undefined =>
  known.has(name) ? undefined : spellings.get(folded(name));
