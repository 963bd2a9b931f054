import { createHash } from "node:crypto";
import type { TraceIds } from "#nervous-system/recorder/identity.ts";
import { frameTypePattern } from "#nervous-system/schemas/frames/define-frame.ts";
import { Enchanted, GenAi } from "#nervous-system/telemetry/genai.ts";

type Fields = Readonly<Record<string, unknown>>;

/** A frame that a span tells. */
export type SpanFrame = {
  event_id: string;
  timestamp?: string;
  agent_id?: string;
  event_type: string;
  payload: Record<string, unknown>;
};

/** A span as OpenTelemetry's ConsoleSpanExporter (Python) prints it, turned into frames. */
export type ReadSpan = { name: string; trace: TraceIds | undefined; frames: SpanFrame[] };

const fieldsOf = (value: unknown): Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
const textOf = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);
const bare = (id: string): string => id.replace(/^0x/, "");

const eventTypes: Readonly<Record<string, string>> = {
  [Enchanted.decisionMade]: "DECISION_RATIONALE",
  [Enchanted.stateChangeApplied]: "STATE_CHANGE",
  exception: "ERROR",
};

/** A name as an event type of its own: UPPER_SNAKE, at most 64 characters. */
const typeOf = (name: string): string => {
  const type = name
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]+/g, "_")
    .replace(/^[^A-Z]+/, "")
    .slice(0, 64);
  return frameTypePattern.test(type) ? type : "SPAN_EVENT";
};

const parsePayload = (text: string): Fields => {
  try {
    return fieldsOf(JSON.parse(text));
  } catch {
    return { [Enchanted.payload]: text };
  }
};

const payloadOf = (name: string, attributes: Fields): Record<string, unknown> => {
  if (name === "exception") {
    const { "exception.message": message, "exception.stacktrace": stack, ...rest } = attributes;
    return { message: textOf(message) ?? textOf(rest["exception.type"]) ?? name, fatal: false, stack, ...rest };
  }
  const { [Enchanted.payload]: payload, ...rest } = attributes;
  return typeof payload === "string" ? { ...rest, ...parsePayload(payload) } : { ...attributes };
};

const optional = <K extends string>(key: K, value: string | undefined): { [P in K]?: string } =>
  value === undefined ? {} : ({ [key]: value } as { [P in K]: string });

/** Reads a span; undefined when the document is none. The same span always gives frames of the same ids. */
export const readConsoleSpan = (document: Fields): ReadSpan | undefined => {
  const context = fieldsOf(document["context"]);
  const [name, traceId, spanId] = [document["name"], context["trace_id"], context["span_id"]].map(textOf);
  if (name === undefined || traceId === undefined || spanId === undefined) return undefined;
  const trace = { traceId: bare(traceId), spanId: bare(spanId) };
  const attributes = fieldsOf(document["attributes"]);
  const agent = optional("agent_id", textOf(attributes[Enchanted.agentId] ?? attributes[GenAi.agentName]));
  const idOf = (index: number): string =>
    createHash("sha256").update(`${trace.traceId}\n${trace.spanId}\n${index}`).digest("hex");
  const events = Array.isArray(document["events"]) ? document["events"].map(fieldsOf) : [];
  const frames = events.flatMap((event, index): SpanFrame[] => {
    const said = fieldsOf(event["attributes"]);
    const eventName = textOf(event["name"]) ?? "event";
    if (said[Enchanted.eventId] !== undefined) return []; // this fact is a frame already
    const type = eventTypes[eventName] ?? typeOf(eventName);
    const timestamp = optional("timestamp", textOf(event["timestamp"]));
    return [{ event_id: idOf(index), ...timestamp, ...agent, event_type: type, payload: payloadOf(eventName, said) }];
  });
  const { start_time, end_time, status } = document;
  frames.push({
    event_id: idOf(events.length),
    ...optional("timestamp", textOf(end_time)),
    ...agent,
    event_type: typeOf(name),
    payload: { name, start_time, end_time, status, attributes },
  });
  const isValid = /^[0-9a-f]{32}$/.test(trace.traceId) && /^[0-9a-f]{16}$/.test(trace.spanId);
  return { name, trace: isValid ? trace : undefined, frames };
};
