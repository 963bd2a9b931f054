import { gatherBytes } from "#nervous-system/kernel/gathered-bytes.ts";
import { createAnswerReader, type AnswerFacts } from "#nervous-system/codecs/exchange/answer-reader.ts";
import { createSseSplitter } from "#nervous-system/codecs/exchange/sse-events.ts";

/**
 * Passes an answer on, byte for byte, but keeps back what would tell the client that it is complete: the last event of a stream,
 * the last chunk of anything else. That is let go only when the exchange is in the record.
 */
export type AnswerFilter = {
  /** Takes a chunk of the answer; answers what may go to the client now. */
  push(chunk: Buffer): Buffer;
  /** Ends the answer, which is given whole; answers what was kept back. */
  end(answer: Buffer): { readonly kept: Buffer; readonly facts: AnswerFacts };
};

const createStreamFilter = (dropsUsageEvent: boolean): AnswerFilter => {
  const splitter = createSseSplitter();
  const reader = createAnswerReader();
  const kept = gatherBytes();
  return {
    push: (chunk) => {
      const free: Buffer[] = [];
      for (const event of splitter.push(chunk)) {
        const step = reader.readEvent(event);
        if (step.usageOnly && dropsUsageEvent) continue;
        // Whatever follows the last event waits with it, in order.
        if (step.last || kept.size > 0) kept.add(event.bytes);
        else free.push(event.bytes);
      }
      return Buffer.concat(free);
    },
    end: () => {
      for (const event of splitter.end())
        if (!reader.readEvent(event).usageOnly || !dropsUsageEvent) kept.add(event.bytes);
      return { kept: kept.take(), facts: reader.facts() };
    },
  };
};

const createWholeFilter = (): AnswerFilter => {
  let kept: Buffer = Buffer.alloc(0);
  return {
    push: (chunk) => {
      const free = kept;
      kept = chunk;
      return free;
    },
    end: (answer) => {
      const reader = createAnswerReader();
      reader.readWhole(answer.toString("utf8"));
      return { kept, facts: reader.facts() };
    },
  };
};

/** Creates the filter that fits the answer's content type. */
export const createAnswerFilter = (contentType: string | undefined, dropsUsageEvent: boolean): AnswerFilter =>
  contentType?.toLowerCase().startsWith("text/event-stream") === true
    ? createStreamFilter(dropsUsageEvent)
    : createWholeFilter();
