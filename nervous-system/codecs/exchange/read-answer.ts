import { createAnswerReader, type AnswerFacts, type StreamStep } from "./answer-reader.ts";
import { decodeBody, isCoded, type Reading } from "./content-codings.ts";
import { createSseSplitter, type SseEvent } from "./sse-events.ts";
import { describeUnreadable } from "./unreadable.ts";

/** How an answer begins: HTTP status, and the headers that say how to read what follows. */
export type AnswerHead = {
  readonly status: number;
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
};

/** What an answer says, and what could not be read. */
export type ReadAnswer = {
  readonly facts: AnswerFacts;
  /** Tokens of what the model said, at a guess that is rather too high. */
  readonly spokenTokens: number;
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
  readonly spokenTokens: number;
  /** When the model began to speak, as `nowMs` told it. */
  readonly firstContentMs?: number;
  /** Set where it came to its end and held no event. */
  readonly unread?: string;
};

/** Reads the events of a stream as they come. */
export type StreamListener = {
  /** Takes a chunk; answers the events that it completed. */
  push(chunk: Uint8Array): readonly HeardEvent[];
  /** Ends the stream, which was cut or came whole; answers the event that no blank line followed, if there is one. */
  end(isWhole: boolean): readonly HeardEvent[];
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
  let unread: Pick<HeardStream, "unread"> = {};
  let isRead = false;
  const hear = (events: readonly SseEvent[]): readonly HeardEvent[] =>
    events.map(({ bytes, ...event }) => {
      const step = reader.readEvent(event);
      isRead ||= step.read;
      if (step.content && first.firstContentMs === undefined) first = { firstContentMs: nowMs() };
      return { ...step, bytes };
    });
  return {
    push: (chunk) => hear(splitter.push(chunk)),
    end: (isWhole) => {
      const events = hear(splitter.end());
      if (isWhole && !isRead)
        unread = {
          unread: "the answer was not read: it is called an event stream and holds no event that can be read",
        };
      return events;
    },
    heard: () => ({ facts: reader.facts(), spokenTokens: reader.spokenTokens(), ...first, ...unread }),
    isWhole: splitter.isWhole,
  };
};

const isSuccess = (status: number): boolean => status >= 200 && status < 300;

/** Reads an answer that is there in full, or as far as it came; never rejects. */
export const readAnswer = async (head: AnswerHead, bytes: Buffer, reading: Reading): Promise<ReadAnswer> => {
  const body = await decodeBody(bytes, head.contentEncoding, reading);
  if (body.kind === "undecoded")
    return { facts: {}, spokenTokens: 0, unread: `the answer was not read: ${body.message}` };
  const reader = createAnswerReader(head.status);
  const text = body.bytes.toString("utf8");
  const isRead = await reader.readWhole(text);
  // What a failure says is its error, and one that was cut is told so.
  const what = isRead || !reading.isWhole || !isSuccess(head.status) ? undefined : describeUnreadable(text);
  return {
    facts: reader.facts(),
    spokenTokens: reader.spokenTokens(),
    ...(isCoded(head.contentEncoding) ? { decoded: body.bytes } : {}),
    ...(what === undefined ? {} : { unread: `the answer ${what}` }),
  };
};
