import { createHash } from "node:crypto";
import { parseFrame, type ProducedFrame } from "#nervous-system/schemas/frames/parse-frame.ts";
import type { TraceIds } from "#nervous-system/schemas/ids.ts";
import { renderTimestamp } from "#nervous-system/schemas/timestamp.ts";
import { Enchanted, GenAi } from "#nervous-system/codecs/genai.ts";
import { fitFrame } from "./fit-frame.ts";
import { defined, isMembers, textIn, type Members } from "./frame-values.ts";
import type { Attributes, OtlpScope } from "./model.ts";

/** A frame that telemetry tells; its id is the same however often and by whichever way the telemetry arrives. */
export type TelemetryEvent = {
  readonly frame: ProducedFrame & { event_id: string; parent_event_id?: string };
  /** Absent when the telemetry's ids are no valid W3C ids. */
  readonly trace?: TraceIds;
};

const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/;
const SPAN_ID = /^(?!0{16})[0-9a-f]{16}$/;

/** Trace and span as W3C has them; undefined when one of them is no valid id. */
export const traceOf = ({ traceId, spanId }: TraceIds): TraceIds | undefined =>
  TRACE_ID.test(traceId) && SPAN_ID.test(spanId) ? { traceId, spanId } : undefined;

/** Hex sha256 of the parts, a line each. */
export const digestOf = (parts: ReadonlyArray<string | number | bigint>): string =>
  createHash("sha256").update(parts.join("\n")).digest("hex");

/** SDKs name a service that nobody named so; it names no agent either. */
const isNamed = (service: string | undefined): service is string => service?.startsWith("unknown_service") === false;

/** The agent's name: `agent.id`, the GenAI names, else the service. */
export const agentOf = (attributes: Attributes, { resource }: OtlpScope): string | undefined => {
  const names = [Enchanted.agentId, GenAi.agentName, GenAi.agentId].map((name) => textIn(attributes[name]));
  const service = textIn(resource["service.name"]);
  return (names.find((name) => name !== undefined) ?? (isNamed(service) ? service : undefined))?.slice(0, 128);
};

/** RFC 3339 of Unix nanoseconds; undefined for 0, which means that nobody said. */
export const timestampOf = (ns: bigint): string | undefined => (ns === 0n ? undefined : renderTimestamp(ns));

/** What a telemetry frame is made of. */
export type FrameParts = {
  id: string;
  type: string;
  timeNs: bigint;
  agent: string | undefined;
  /** Members of a frame, which its payload or one of its own members. */
  members: Members;
  trace: TraceIds | undefined;
};

/** A type that the body names beside the frame's own is a word of the producer like any other. */
const withoutType = ({ event, event_type: said, ...members }: Members, type: string): Members => {
  const words = defined({ event, event_type: said === type ? undefined : said });
  if (Object.keys(words).length === 0) return members;
  const { payload } = members;
  return { ...members, payload: { ...words, ...(isMembers(payload) ? payload : defined({ payload })) } };
};

/** Makes a frame, its aliases resolved, no larger than a frame may be. */
export const telemetryEvent = ({ id, type, timeNs, agent, members, trace }: FrameParts): TelemetryEvent => {
  const stamps = defined({ event_id: id, timestamp: timestampOf(timeNs), agent_id: agent });
  const parsed = parseFrame({ ...stamps, ...withoutType(members, type), event_type: type });
  if (!parsed.ok) throw new TypeError(parsed.reason); // every type here comes from `eventTypeOf`
  const { parentEventId: parent_event_id } = parsed;
  const frame = {
    ...stamps,
    event_id: id,
    ...parsed.frame,
    ...(parent_event_id === undefined ? {} : { parent_event_id }),
  };
  return { frame: fitFrame(frame), ...(trace === undefined ? {} : { trace }) };
};
