import { ownOf } from "#nervous-system/kernel/own-of.ts";
import { isFrameType, mayWrite } from "#nervous-system/schemas/frames/catalog.ts";
import type { Producer } from "#nervous-system/schemas/frames/define-frame.ts";
import { Enchanted } from "#nervous-system/codecs/genai.ts";
import { eventTypeOf } from "./event-type.ts";
import {
  beginUnfolding,
  defined,
  isMembers,
  parseMembers,
  textIn,
  toMembers,
  unlessEmpty,
  type Members,
} from "./frame-values.ts";
import { genAiStory, type SpanStory } from "./genai-frames.ts";
import type { Attributes, OtlpSpan } from "./model.ts";
import { agentOf, digestOf, telemetryEvent, timestampOf, traceOf, type TelemetryEvent } from "./telemetry-event.ts";

export type { TelemetryEvent } from "./telemetry-event.ts";

const eventTypes: Readonly<Record<string, string>> = {
  [Enchanted.decisionMade]: "DECISION_RATIONALE",
  [Enchanted.stateChangeApplied]: "STATE_CHANGE",
  exception: "ERROR",
};

/** The event type of a named event. */
export const typeOfEvent = (name: string): string => ownOf(eventTypes, name) ?? eventTypeOf(name, "SPAN_EVENT");

const exceptionPayload = (attributes: Attributes): Members => {
  const { "exception.message": message, "exception.stacktrace": stack, ...rest } = toMembers(attributes);
  const said = textIn(message) ?? textIn(rest["exception.type"]) ?? "exception";
  return defined({ ...rest, message: said, fatal: false, stack: textIn(stack) });
};

const saidByEvent = (attributes: Attributes): Members => {
  const { [Enchanted.payload]: payload, ...rest } = toMembers(attributes);
  const members = isMembers(payload) ? payload : typeof payload === "string" ? parseMembers(payload) : undefined;
  return { ...rest, ...(members ?? defined({ [Enchanted.payload]: payload })) };
};

/** The name itself, where the type does not say it in full. */
const nameMember = (name: string): Members =>
  Object.hasOwn(eventTypes, name) || typeOfEvent(name) === name ? {} : { event_name: name };

/** The payload of a named event: its attributes, and the members of the JSON in attribute `payload`. */
export const payloadOfEvent = (name: string, attributes: Attributes): Members => {
  if (name === "exception") return exceptionPayload(attributes);
  return { ...nameMember(name), ...saidByEvent(attributes) };
};

/** Whether attributes say that the fact is a frame already. */
export const isFrameAlready = (attributes: Attributes): boolean => attributes[Enchanted.eventId] !== undefined;

const plainStory = (span: OtlpSpan): SpanStory => ({
  folded: [],
  type: eventTypeOf(span.name, "SPAN"),
  payload: {
    ...defined({ start_time: timestampOf(span.startNs), end_time: timestampOf(span.endNs) }),
    status: { code: span.status.code, ...(span.status.message === "" ? {} : { message: span.status.message }) },
    ...unlessEmpty("attributes", toMembers(span.attributes)),
  },
});

const spanPayload = (span: OtlpSpan, said: Members): Members => ({
  ...said,
  name: span.name,
  ...defined({ parent_span_id: textIn(span.parentSpanId), scope: textIn(span.scope.name) }),
  ...unlessEmpty("resource", toMembers(span.scope.resource)),
});

/** Without valid ids spans would share theirs, so the content takes their place. */
const identityOf = (span: OtlpSpan): readonly (string | bigint)[] => {
  const { traceId, spanId, startNs, endNs, name } = span;
  if (traceOf(span) !== undefined) return [traceId, spanId];
  return [
    traceId,
    spanId,
    startNs,
    endNs,
    name,
    JSON.stringify(toMembers({ ...span.scope.resource, ...span.attributes })),
  ];
};

function* tellSpan(span: OtlpSpan): Generator<TelemetryEvent> {
  const { events, scope, attributes } = span;
  beginUnfolding();
  const identity = identityOf(span);
  const common = { agent: agentOf(attributes, scope), trace: traceOf(span) };
  const story = isFrameAlready(attributes) ? undefined : (genAiStory(span) ?? plainStory(span));
  const frameOf = (index: number, type: string, timeNs: bigint, payload: Members): TelemetryEvent =>
    telemetryEvent({ ...common, id: digestOf([...identity, index]), type, timeNs, members: { payload } });
  for (const [index, event] of events.entries()) {
    if (isFrameAlready(event.attributes) || story?.folded.includes(event.name)) continue;
    beginUnfolding();
    yield frameOf(index, typeOfEvent(event.name), event.timeNs, payloadOfEvent(event.name, event.attributes));
  }
  if (story !== undefined) yield frameOf(events.length, story.type, span.endNs, spanPayload(span, story.payload));
}

/** The frames of a span: one for each event that is no frame already, and one for the span itself, at its end. */
export const framesFromSpan = (span: OtlpSpan): TelemetryEvent[] => [...tellSpan(span)];

/** The frames of many spans, each made when it is asked for: all of them may be much more than their request. */
export function* tellSpans(spans: Iterable<OtlpSpan>): Generator<TelemetryEvent> {
  for (const span of spans) yield* tellSpan(span);
}

/** How many frames spans tell at most. */
export const countTold = (spans: readonly OtlpSpan[]): number =>
  spans.reduce((sum, { events }) => sum + events.length + 1, 0);

/**
 * The frame under a type that `producer` may write. A model call that no gateway carried is a CHAT; of any other type that
 * is another producer's, it is said that it is only reported (REPORTED_VERDICT).
 */
export const asProducer = (told: TelemetryEvent, producer: Producer): TelemetryEvent => {
  const { event_type: type } = told.frame;
  if (!isFrameType(type) || mayWrite(producer, type)) return told;
  return { ...told, frame: { ...told.frame, event_type: type === "MODEL_CALL" ? "CHAT" : `REPORTED_${type}` } };
};
