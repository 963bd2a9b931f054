import { ENVELOPE_ATTRIBUTE, EVENT_NAME_PREFIX } from "./attributes.ts";
import { eventTypeOf } from "./event-type.ts";
import {
  beginUnfolding,
  defined,
  isMembers,
  parseMembers,
  textIn,
  toJsonValue,
  toMembers,
  unlessEmpty,
  type Members,
} from "./frame-values.ts";
import type { OtlpLog } from "./model.ts";
import { isFrameAlready, payloadOfEvent, typeOfEvent } from "./spans-to-frames.ts";
import { agentOf, digestOf, telemetryEvent, traceOf, type TelemetryEvent } from "./telemetry-event.ts";

// Before `event_name` was a field of its own, it was this attribute.
const EVENT_NAME_ATTRIBUTE = "event.name";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes that are text are read as text. */
const readable = (body: unknown): unknown => {
  if (!Buffer.isBuffer(body)) return body;
  try {
    return utf8.decode(body);
  } catch {
    return body;
  }
};

/** The body as members of a frame: a map or the JSON of one as it is, a text as `text`, bytes as base64. */
const membersOf = (body: unknown): Members => {
  const held = readable(body);
  if (held === undefined) return {};
  if (typeof held === "string") return parseMembers(held) ?? { text: held };
  if (Buffer.isBuffer(held)) return { bytes: held.toString("base64") };
  return isMembers(held) ? toMembers(held) : { value: toJsonValue(held) };
};

type Event = { type: string; members: Members };

/** An event has a name, and its attributes are what it says. */
const namedEvent = (name: string, { attributes, body }: OtlpLog): Event => {
  const { [EVENT_NAME_ATTRIBUTE]: _name, ...said } = attributes;
  const bare = name.startsWith(EVENT_NAME_PREFIX) ? name.slice(EVENT_NAME_PREFIX.length) : name;
  return { type: typeOfEvent(bare), members: { ...payloadOfEvent(bare, said), ...membersOf(body) } };
};

/** Whether an `event` names a kind of event: structured logs have a sentence there, of which no type is to be made. */
const isName = (event: string | undefined): event is string => event !== undefined && /^\S{1,64}$/.test(event);

/** A line of a log: its body may be a frame with a type of its own. */
const plainLog = ({ attributes, body, scope }: OtlpLog): Event => {
  const members = membersOf(body);
  const own = textIn(members["event_type"] ?? members["event"]);
  const beside = { ...unlessEmpty("attributes", toMembers(attributes)), ...defined({ logger: textIn(scope.name) }) };
  const type = isName(own) ? eventTypeOf(own, "LOG") : "LOG";
  // The name that gave the type has done its work, where the type says it whole.
  const { [members["event_type"] === own ? "event_type" : "event"]: _type, ...rest } = members;
  return { type, members: { ...beside, ...(own === type ? rest : members) } };
};

/** The same for the same record sent again: what it says and its place in the request. */
const idOf = (log: OtlpLog, name: string, index: number): string => {
  const content = JSON.stringify([
    toJsonValue(log.body ?? null),
    toMembers(log.attributes),
    toMembers(log.scope.resource),
  ]);
  const time = log.timeNs === 0n ? log.observedNs : log.timeNs;
  return digestOf([log.traceId, log.spanId, time, name, digestOf([content]), index]);
};

/** The frame of a log record (none for what is a frame already); `index` is its place in the request. */
const framesFromLog = (log: OtlpLog, index: number): TelemetryEvent[] => {
  const { attributes, scope, severity } = log;
  if (isFrameAlready(attributes) || attributes[ENVELOPE_ATTRIBUTE] !== undefined) return [];
  beginUnfolding();
  const name = log.eventName || (textIn(attributes[EVENT_NAME_ATTRIBUTE]) ?? "");
  const { type, members } = name === "" ? plainLog(log) : namedEvent(name, log);
  const told = { ...defined({ severity: textIn(severity) }), ...unlessEmpty("resource", toMembers(scope.resource)) };
  return [
    telemetryEvent({
      id: idOf(log, name, index),
      type,
      timeNs: log.timeNs === 0n ? log.observedNs : log.timeNs,
      agent: agentOf(attributes, scope),
      members: { ...told, ...members },
      trace: traceOf(log),
    }),
  ];
};

/** The frames of many log records, each made when it is asked for: all of them may be much more than their request. */
export function* tellLogs(logs: Iterable<OtlpLog>): Generator<TelemetryEvent> {
  let index = 0;
  for (const log of logs) yield* framesFromLog(log, index++);
}
