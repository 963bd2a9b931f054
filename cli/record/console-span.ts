import { ownOf } from "#nervous-system/kernel/own-of.ts";
import type { TraceIds } from "#nervous-system/schemas/ids.ts";
import { parseTimestampNs } from "#nervous-system/schemas/timestamp.ts";
import type { OtlpSpan, OtlpSpanEvent } from "#nervous-system/codecs/otlp/model.ts";
import { framesFromSpan } from "#nervous-system/codecs/otlp/spans-to-frames.ts";
import { traceOf, type TelemetryEvent } from "#nervous-system/codecs/otlp/telemetry-event.ts";

type Fields = Readonly<Record<string, unknown>>;

/** A span as OpenTelemetry's ConsoleSpanExporter (Python) prints it, turned into frames. */
type ReadSpan = { name: string; trace: TraceIds | undefined; frames: Array<TelemetryEvent["frame"]> };

const fieldsOf = (value: unknown): Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
const textOf = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);
const bare = (id: string): string => id.replace(/^0x/, "");
const timeOf = (value: unknown): bigint => parseTimestampNs(textOf(value) ?? "") ?? 0n;

const eventOf = (value: unknown): OtlpSpanEvent => {
  const event = fieldsOf(value);
  const name = textOf(event["name"]) ?? "event";
  return { timeNs: timeOf(event["timestamp"]), name, attributes: fieldsOf(event["attributes"]) };
};

const codes: Readonly<Record<string, OtlpSpan["status"]["code"]>> = { OK: "OK", ERROR: "ERROR" };

const statusOf = (value: unknown): OtlpSpan["status"] => {
  const { status_code: code, description } = fieldsOf(value);
  return { code: ownOf(codes, textOf(code) ?? "") ?? "UNSET", message: textOf(description) ?? "" };
};

/** The printed span as OTLP would carry it; undefined when the document is none. */
const spanOf = (document: Fields): OtlpSpan | undefined => {
  const context = fieldsOf(document["context"]);
  const [name, traceId, spanId] = [document["name"], context["trace_id"], context["span_id"]].map(textOf);
  if (name === undefined || traceId === undefined || spanId === undefined) return undefined;
  const { events, attributes, resource } = document;
  return {
    scope: { name: "", version: "", schemaUrl: "", resource: fieldsOf(fieldsOf(resource)["attributes"]) },
    traceId: bare(traceId),
    spanId: bare(spanId),
    parentSpanId: bare(textOf(document["parent_id"]) ?? ""),
    name,
    startNs: timeOf(document["start_time"]),
    endNs: timeOf(document["end_time"]),
    attributes: fieldsOf(attributes),
    events: Array.isArray(events) ? events.map(eventOf) : [],
    status: statusOf(document["status"]),
  };
};

/** Reads a span; undefined when the document is none. The same span gives frames of the same ids as over OTLP. */
export const readConsoleSpan = (document: Fields): ReadSpan | undefined => {
  const span = spanOf(document);
  if (span === undefined) return undefined;
  return { name: span.name, trace: traceOf(span), frames: framesFromSpan(span).map(({ frame }) => frame) };
};
