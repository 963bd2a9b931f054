import { createAnswerReader, type AnswerFacts, type StreamStep } from "./answer-reader.ts";
import { decodeBody, isCoded } from "./content-codings.ts";
import { createSseSplitter, type SseEvent } from "./sse-events.ts";

/** How an answer begins: HTTP status, and the headers that say how to read what follows. */
export type AnswerHead = {
  readonly status: number;
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
};

/** What an answer says, and what could not be read. */
export type ReadAnswer = {
  readonly facts: AnswerFacts;
  /** The body without its content coding, where it had one. */
  readonly decoded?: Buffer;
  /** What of it could not be read, and why. */
  readonly unread?: string;
};

/** One event of a stream, and what it is for its client. */
export type HeardEvent = StreamStep & { readonly bytes: Buffer };

/** What a stream has said so far. */
export type HeardStream = {
  readonly facts: AnswerFacts;
  /** When the model began to speak, as `nowMs` told it. */
  readonly firstContentMs?: number;
};

/** Reads the events of a stream as they come. */
export type StreamListener = {
  /** Takes a chunk; answers the events that it completed. */
  push(chunk: Uint8Array): readonly HeardEvent[];
  /** Ends the stream; answers the event that no blank line followed, if there is one. */
  end(): readonly HeardEvent[];
  heard(): HeardStream;
  /** Whether every event was read: one that is still unfinished beyond the bound is left out. */
  isWhole(): boolean;
};

/** Whether an answer can be read event by event. One in a content coding cannot, and a failure is whole whatever it is called. */
export const isEventStream = ({ status, contentType = "", contentEncoding }: AnswerHead): boolean =>
  status < 400 && contentType.toLowerCase().startsWith("text/event-stream") && !isCoded(contentEncoding);

/** Creates a listener for an answer that is an event stream, of which one event may have `maxEventBytes`; `nowMs` tells a monotonic time. */
export const createStreamListener = (nowMs: () => number, maxEventBytes?: number): StreamListener => {
  const splitter = createSseSplitter(maxEventBytes);
  const reader = createAnswerReader();
  let first: Pick<HeardStream, "firstContentMs"> = {};
  const hear = (events: readonly SseEvent[]): readonly HeardEvent[] =>
    events.map(({ bytes, ...event }) => {
      const step = reader.readEvent(event);
      if (step.content && first.firstContentMs === undefined) first = { firstContentMs: nowMs() };
      return { ...step, bytes };
    });
  return {
    push: (chunk) => hear(splitter.push(chunk)),
    end: () => hear(splitter.end()),
    heard: () => ({ facts: reader.facts(), ...first }),
    isWhole: splitter.isWhole,
  };
};

/** Reads an answer that is there in full, or as far as it came; without its coding it may have `maxBytes`. Never rejects. */
export const readAnswer = async (head: AnswerHead, bytes: Buffer, maxBytes: number): Promise<ReadAnswer> => {
  const body = await decodeBody(bytes, head.contentEncoding, maxBytes);
  if (body.kind === "undecoded") return { facts: {}, unread: `the answer was not read: ${body.message}` };
  const reader = createAnswerReader(head.status);
  await reader.readWhole(body.bytes.toString("utf8"));
  return { facts: reader.facts(), ...(isCoded(head.contentEncoding) ? { decoded: body.bytes } : {}) };
};
