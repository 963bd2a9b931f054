import { gatherBytes } from "#nervous-system/kernel/gathered-bytes.ts";
import { decodeBody } from "#nervous-system/codecs/exchange/content-codings.ts";
import {
  createStreamListener,
  isEventStream,
  readAnswer,
  type AnswerHead,
  type HeardEvent,
  type HeardStream,
  type ReadAnswer,
} from "#nervous-system/codecs/exchange/read-answer.ts";

const maxBodyBytes = 16 * 1024 * 1024;
/** So much of a stream is kept before it is read: whoever asked does not wait for whoever watches. */
const maxUnheardBytes = 64 * 1024;
const tooLong = `it has more than ${maxBodyBytes} bytes`;

/** Keeps the beginning of a body, up to a bound, while it passes. */
const createBodyCopy = () => {
  const gathered = gatherBytes();
  let isTooLong = false;
  return {
    add: (chunk: Buffer): void => {
      isTooLong ||= gathered.size + chunk.length > maxBodyBytes;
      if (isTooLong) gathered.take();
      else gathered.add(chunk);
    },
    /** Undefined when the body was larger than 16 MiB. */
    take: (): Buffer | undefined => (isTooLong ? undefined : gathered.take()),
  };
};

/** A request as a text, or why it was not read. */
type ReadRequest = { text?: string; unread?: string };

/** A copy of a request's body while it passes. */
export type RequestCopy = {
  add(chunk: Buffer): void;
  end(contentEncoding: string | undefined, isWhole: boolean): Promise<ReadRequest>;
};

/** Creates an empty copy. */
export const createRequestCopy = (): RequestCopy => {
  const copy = createBodyCopy();
  const read: RequestCopy["end"] = async (contentEncoding, isWhole) => {
    const bytes = copy.take();
    if (bytes === undefined) return { unread: `the request was not read: ${tooLong}` };
    const body = await decodeBody(bytes, contentEncoding, { maxBytes: maxBodyBytes, isWhole });
    return body.kind === "decoded"
      ? { text: body.bytes.toString("utf8") }
      : { unread: `the request was not read: ${body.message}` };
  };
  return { add: copy.add, end: read };
};

/** An answer that has ended; `isOver` where the last event of a stream came, whoever hung up then. */
type CopiedAnswer = Omit<HeardStream, "spokenTokens"> & Pick<ReadAnswer, "unread"> & { isOver: boolean };

/** A copy of an answer while it passes: of a stream its events are read as they come, anything else at its end. */
export type AnswerCopy = { add(chunk: Buffer): void; end(isWhole: boolean): Promise<CopiedAnswer> };

const copyStream = (nowMs: () => number): AnswerCopy => {
  let cameMs = 0;
  const listener = createStreamListener(() => cameMs, maxBodyBytes);
  let isOver = false;
  const hear = (events: readonly HeardEvent[]): void => {
    isOver ||= events.some(({ last }) => last);
  };
  let unheard: { chunk: Buffer; ms: number }[] = [];
  let unheardBytes = 0;
  const hearAll = (): void => {
    for (const { chunk, ms } of unheard) {
      cameMs = ms;
      hear(listener.push(chunk));
    }
    [unheard, unheardBytes] = [[], 0];
  };
  return {
    add: (chunk) => {
      unheard.push({ chunk, ms: nowMs() });
      unheardBytes += chunk.length;
      if (unheardBytes > maxUnheardBytes) hearAll();
    },
    end: async (isWhole) => {
      hearAll();
      hear(listener.end(isWhole));
      const unread = listener.isWhole() ? {} : { unread: `an event of the answer was not read: ${tooLong}` };
      return { ...listener.heard(), isOver, ...unread };
    },
  };
};

const copyWhole = (head: AnswerHead): AnswerCopy => {
  const copy = createBodyCopy();
  return {
    add: copy.add,
    end: async (isWhole) => {
      const bytes = copy.take();
      if (bytes === undefined) return { facts: {}, isOver: false, unread: `the answer was not read: ${tooLong}` };
      return { ...(await readAnswer(head, bytes, { maxBytes: maxBodyBytes, isWhole })), isOver: false };
    },
  };
};

/** Creates an empty copy of the answer that begins so; `nowMs` tells a monotonic time. */
export const createAnswerCopy = (head: AnswerHead, nowMs: () => number): AnswerCopy =>
  isEventStream(head) ? copyStream(nowMs) : copyWhole(head);
