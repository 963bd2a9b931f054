import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { gatherBytes } from "#nervous-system/kernel/gathered-bytes.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { AnswerFacts } from "#nervous-system/codecs/exchange/answer-reader.ts";
import { createAnswerFilter } from "#pipeline/gateway/answer-filter.ts";
import { computeAnswerHeaders } from "#pipeline/gateway/upstream-request.ts";

/** How an answer is passed on. */
export type RelayOptions = {
  readonly upstream: IncomingMessage;
  readonly client: ServerResponse;
  readonly dropsUsageEvent: boolean;
  /** Longest silence of the provider, milliseconds. */
  readonly idleMs: number;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  readonly clock: Pick<Clock, "after">;
};

/** What went over, and what waits to be let go; `error` is set when the answer did not come to its end. */
export type Relayed = {
  readonly kept: Buffer;
  readonly answer: Buffer;
  readonly facts: AnswerFacts;
  readonly error?: string;
};

const startIdleTimer = (clock: Pick<Clock, "after">, ms: number, onIdle: () => void) => {
  let cancel = clock.after(ms, onIdle);
  return {
    touch: () => {
      cancel();
      cancel = clock.after(ms, onIdle);
    },
    stop: () => cancel(),
  };
};

// Anything of three digits arrives as a status, and not all of it can be told.
const toldStatus = (status = 0): number => (status >= 200 && status <= 599 ? status : 502);

const write = async (client: ServerResponse, bytes: Buffer, signal: AbortSignal): Promise<void> => {
  if (bytes.length > 0 && !client.write(bytes)) await once(client, "drain", { signal });
};

const describeEnd = (error: unknown, stopped: string | undefined, signal: AbortSignal): string => {
  if (stopped !== undefined) return stopped;
  if (signal.aborted) return "the client went away before the answer was complete";
  return `the provider's answer broke off: ${error instanceof Error ? error.message : String(error)}`;
};

/** Passes an answer on as it comes, all but its end; never rejects. */
export const relayAnswer = async (options: RelayOptions): Promise<Relayed> => {
  const { upstream, client, signal } = options;
  const filter = createAnswerFilter(upstream.headers["content-type"], options.dropsUsageEvent);
  const received = gatherBytes();
  let stopped: string | undefined;
  const stop = (why: string): void => {
    stopped ??= why;
    upstream.destroy();
  };
  const idle = startIdleTimer(options.clock, options.idleMs, () =>
    stop(`the provider was silent for ${options.idleMs} ms in the middle of its answer`),
  );
  client.writeHead(toldStatus(upstream.statusCode), computeAnswerHeaders(upstream.headers));
  client.flushHeaders();
  try {
    for await (const chunk of upstream as AsyncIterable<Buffer>) {
      idle.touch();
      if (received.size + chunk.length > options.maxBytes) {
        stop(`the provider's answer is longer than ${options.maxBytes} bytes`);
        break;
      }
      received.add(chunk);
      await write(client, filter.push(chunk), signal);
    }
    const whole = stopped === undefined && upstream.complete;
    const error = whole ? {} : { error: describeEnd(new Error("it ended early"), stopped, signal) };
    return { ...filter.end(), answer: received.take(), ...error };
  } catch (error) {
    return { ...filter.end(), answer: received.take(), error: describeEnd(error, stopped, signal) };
  } finally {
    idle.stop();
  }
};
