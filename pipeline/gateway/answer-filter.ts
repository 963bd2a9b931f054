import type { IncomingMessage } from "node:http";
import type { Reading } from "#nervous-system/codecs/exchange/content-codings.ts";
import { gatherBytes } from "#nervous-system/kernel/gathered-bytes.ts";
import {
  createStreamListener,
  isEventStream,
  readAnswer,
  type AnswerHead,
  type HeardEvent,
  type HeardStream,
  type ReadAnswer,
} from "#nervous-system/codecs/exchange/read-answer.ts";

/** How an answer begins. */
export const headOf = ({ statusCode: status = 0, headers }: IncomingMessage): AnswerHead => ({
  status,
  contentType: headers["content-type"],
  contentEncoding: headers["content-encoding"],
});

/** What a filter lets go at the end of an answer, and what the answer says. */
export type FilteredAnswer = ReadAnswer & HeardStream & { readonly kept: Buffer };

/**
 * Passes an answer on, byte for byte, but keeps back what would tell the client that it is complete: the last event of a stream,
 * the last chunk of anything else. That is let go only when the exchange is in the record.
 */
export type AnswerFilter = {
  /** Takes a chunk of the answer; answers what may go to the client now. */
  push(chunk: Buffer): Buffer;
  /** Ends the answer, which is given as far as it came; never rejects. */
  end(answer: Buffer, reading: Reading): Promise<FilteredAnswer>;
};

/** How an answer is filtered. */
export type FilterOptions = {
  /** Whether the event that holds nothing but token counts is left out. */
  readonly dropsUsageEvent: boolean;
  readonly nowMs: () => number;
};

const createStreamFilter = ({ dropsUsageEvent, nowMs }: FilterOptions): AnswerFilter => {
  const listener = createStreamListener(nowMs);
  const kept = gatherBytes();
  const passed = (events: readonly HeardEvent[]): readonly HeardEvent[] =>
    events.filter(({ usageOnly }) => !usageOnly || !dropsUsageEvent);
  return {
    push: (chunk) => {
      const free: Buffer[] = [];
      for (const { last, bytes } of passed(listener.push(chunk)))
        // Whatever follows the last event waits with it, in order.
        if (last || kept.size > 0) kept.add(bytes);
        else free.push(bytes);
      return Buffer.concat(free);
    },
    end: async (_, { isWhole }) => {
      for (const { bytes } of passed(listener.end(isWhole))) kept.add(bytes);
      return { kept: kept.take(), ...listener.heard() };
    },
  };
};

const createWholeFilter = (head: AnswerHead): AnswerFilter => {
  let kept: Buffer = Buffer.alloc(0);
  return {
    push: (chunk) => {
      const free = kept;
      kept = chunk;
      return free;
    },
    end: async (answer, reading) => ({ kept, ...(await readAnswer(head, answer, reading)) }),
  };
};

/** Creates the filter that fits the answer that begins so. */
export const createAnswerFilter = (head: AnswerHead, options: FilterOptions): AnswerFilter =>
  isEventStream(head) ? createStreamFilter(options) : createWholeFilter(head);
