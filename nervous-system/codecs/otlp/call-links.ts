import type { TraceIds } from "#nervous-system/schemas/ids.ts";
import { isMembers, textIn } from "./frame-values.ts";
import type { TelemetryEvent } from "./telemetry-event.ts";

/** A call of a model that somebody carries, by what a program's own telling of it may have in common with it. */
type CarriedCall = {
  /** Of the frame that tells it. */
  readonly eventId: string;
  /** The answer's own id. */
  readonly responseId?: string | undefined;
  /** The span that the request named in its `traceparent`. */
  readonly trace?: TraceIds | undefined;
};

/**
 * Knows which calls of models are told already, so that one call is counted once, by however many it is told: the port that
 * carried it, the SDK's span, and the span of the framework around it.
 */
export type CallLinks = {
  carried(call: CarriedCall): void;
  /**
   * The frame; where it tells a call that was told before, as a CHAT whose member `observes` is the event id of that.
   * `scope` keeps the calls of strangers apart.
   */
  link(told: TelemetryEvent, scope?: string): TelemetryEvent;
};

/** How many calls are remembered, and how many spans: a span comes seconds after its call. */
const REMEMBERED = 1024;

/** Event ids by what may name them again; the oldest are forgotten. */
class Recent {
  private readonly known = new Map<string, string>();

  get(key: string | undefined): string | undefined {
    return key === undefined ? undefined : this.known.get(key);
  }

  /** The first stays: it is what others observe. */
  add(key: string | undefined, eventId: string): void {
    if (key === undefined || this.known.has(key)) return;
    this.known.set(key, eventId);
    const [oldest] = this.known.keys();
    if (this.known.size > REMEMBERED && oldest !== undefined) this.known.delete(oldest);
  }
}

type Names = {
  readonly answer: string | undefined;
  readonly span: string | undefined;
  readonly parent: string | undefined;
};

const namesIn = ({ frame: { payload }, trace }: TelemetryEvent, scope: string): Names => {
  const attributes = isMembers(payload["attributes"]) ? payload["attributes"] : {};
  const responseId = textIn(payload["response_id"]) ?? textIn(attributes["gen_ai.response.id"]);
  const parentId = textIn(payload["parent_span_id"]);
  const keyOf = (id: string | undefined): string | undefined =>
    trace === undefined || id === undefined ? undefined : `${scope}/${trace.traceId}/${id}`;
  return {
    answer: responseId === undefined ? undefined : `${scope}/${responseId}`,
    span: keyOf(trace?.spanId),
    parent: keyOf(parentId),
  };
};

/**
 * Two tell the same call where both know the answer's id, or where one's span is the other's parent: instrumentations nest,
 * and what asks a model right inside of a span that asks one is the same asking.
 *
 *   span of `traceparent` --parent--> span of the SDK --parent--> span of the framework --parent--> any other span
 *   (an HTTP client's, or the SDK's)  observes the port's call    observes it too                   it ends here
 */
export const createCallLinks = (): CallLinks => {
  const byAnswer = new Recent();
  const byInnerSpan = new Recent();
  const byRequestSpan = new Recent();
  const linkCall = (told: TelemetryEvent, { answer, span, parent }: Names): TelemetryEvent => {
    const { frame } = told;
    const known = byAnswer.get(answer) ?? byRequestSpan.get(span) ?? byInnerSpan.get(span);
    byAnswer.add(answer, known ?? frame.event_id);
    byInnerSpan.add(parent, known ?? frame.event_id);
    if (known === undefined || known === frame.event_id) return told; // the first, or the first once more
    return { ...told, frame: { ...frame, event_type: "CHAT", payload: { ...frame.payload, observes: known } } };
  };
  return {
    carried: ({ eventId, responseId, trace }) => {
      if (responseId !== undefined) byAnswer.add(`/${responseId}`, eventId);
      if (trace !== undefined) byRequestSpan.add(`/${trace.traceId}/${trace.spanId}`, eventId);
    },
    link: (told, scope = "") => {
      const names = namesIn(told, scope);
      if (told.frame.event_type === "MODEL_CALL") return linkCall(told, names);
      // The span of an HTTP client that a request named: who asked is its parent.
      const carried = byRequestSpan.get(names.span);
      if (carried !== undefined) byInnerSpan.add(names.parent, carried);
      return told;
    },
  };
};
