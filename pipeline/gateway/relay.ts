import type { IncomingMessage, ServerResponse } from "node:http";
import { isCoded } from "#nervous-system/codecs/exchange/content-codings.ts";
import { gatherBytes } from "#nervous-system/kernel/gathered-bytes.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { watchSilence } from "#nervous-system/kernel/silence.ts";
import { createAnswerFilter, headOf, type AnswerFilter, type FilteredAnswer } from "#pipeline/gateway/answer-filter.ts";
import type { Broken } from "#pipeline/gateway/broken.ts";
import { withoutKey } from "#pipeline/gateway/key-mask.ts";
import { unreadMessage, writeToClient, type Written } from "#pipeline/gateway/client-end.ts";
import type { Granted } from "#pipeline/gateway/refusal.ts";
import { computeAnswerHeaders } from "#pipeline/gateway/upstream-request.ts";

/** How an answer is passed on. */
export type RelayOptions = {
  readonly upstream: IncomingMessage;
  readonly client: ServerResponse;
  readonly dropsUsageEvent: boolean;
  /** What the provider was asked with, which its answer must not tell. */
  readonly apiKey: string | undefined;
  /** Longest silence of the provider while the client wants more, milliseconds. */
  readonly idleMs: number;
  readonly maxBytes: number;
  /** Takes room for bytes of the answer. */
  readonly take: (bytes: number) => Granted<void>;
  /** Ends the answer: some time after the client went. */
  readonly signal: AbortSignal;
  readonly clock: Pick<Clock, "after" | "monotonicMs">;
};

/** What went over, and what waits to be let go; `broken` is set when the client did not get all of it. */
export type Relayed = Omit<FilteredAnswer, "decoded"> & {
  /** Without its content coding, where that could be taken off. */
  readonly answer: Buffer;
  /** Whether the answer came to its end, though the client may have gone. */
  readonly isWhole: boolean;
  readonly broken?: Broken;
};

// The longest that models are known to think in one answer, with room to spare.
const ANSWER_MS = 3_600_000;
// A client that took longer than this in all may be why a provider gave up.
const LONG_WAIT_MS = 1_000;
// What an answer may go on for without its client: ten thousand tokens in events of their own, with their count behind them.
const READ_ON_BYTES = 4 * 1024 * 1024;

// Anything of three digits arrives as a status, and not all of it can be told.
const toldStatus = (status = 0): number => (status >= 200 && status <= 599 ? status : 502);

const gone: Broken = { by: "client_gone", message: "the client went away before the answer was complete" };

const brokenByClient: Readonly<Record<Written, Broken | undefined>> = {
  taken: undefined,
  unread: { by: "client_stopped_reading", message: unreadMessage },
  gone,
};

const brokeOff = (error: unknown, clientMs: number): Broken => {
  const waited = clientMs < LONG_WAIT_MS ? "" : `; its client had kept it waiting for ${Math.round(clientMs)} ms`;
  const why = error instanceof Error ? error.message : String(error);
  return { by: "provider_broke_off", message: `the provider's answer broke off: ${why}${waited}` };
};

const roomFor = (size: number, { length }: Buffer, { maxBytes, take }: RelayOptions): Broken | undefined => {
  if (size + length > maxBytes)
    return { by: "answer_too_large", message: `the provider's answer is longer than ${maxBytes} bytes` };
  const taken = take(length);
  if (taken.kind === "granted") return undefined;
  return { by: "no_room", message: `there is no room for the rest of the answer: ${taken.refusal.message}` };
};

// JSON and events seldom shrink to less than a thirtieth.
const maxUnfolding = 32;

/** What a coded answer may unfold to: as much as room was taken for before. */
const roomToUnfold = ({ length }: Buffer, { upstream, maxBytes, take }: RelayOptions): number => {
  const room = isCoded(upstream.headers["content-encoding"]) ? Math.min(maxBytes, length * maxUnfolding) : 0;
  return take(room).kind === "granted" ? room : 0;
};

type Ending = {
  /** Why the answer did not come to its end. */
  readonly cut: Broken | undefined;
  /** Why its client did not get all that came. */
  readonly left: Broken | undefined;
};

const endOf = async (
  filter: AnswerFilter,
  received: Buffer,
  { cut, left }: Ending,
  options: RelayOptions,
): Promise<Relayed> => {
  const isWhole = cut === undefined;
  const broken = left ?? cut;
  const { decoded, ...ended } = await filter.end(received, { maxBytes: roomToUnfold(received, options), isWhole });
  return { ...ended, isWhole, answer: decoded ?? received, ...(broken === undefined ? {} : { broken }) };
};

/** Writes to a client as long as it is there, and knows when it left and how long it let the provider wait. */
const createReader = ({ client, clock }: RelayOptions) => {
  let left: Broken | undefined;
  let waitedMs = 0;
  let unreadBytes = 0;
  return {
    left: () => left,
    waitedMs: () => waitedMs,
    /** Answers why no more is to be read for a client that is not there. */
    write: async (bytes: Buffer): Promise<Broken | undefined> => {
      const startedMs = clock.monotonicMs();
      left ??= brokenByClient[await writeToClient(client, bytes, clock)];
      waitedMs += clock.monotonicMs() - startedMs;
      if (left === undefined) return undefined;
      // It may be there and read nothing: it is not told of the rest.
      client.destroy();
      unreadBytes += bytes.length;
      return unreadBytes > READ_ON_BYTES ? left : undefined;
    },
  };
};

/**
 * Passes an answer on as it comes, all but its end; never rejects. Where the client went, the rest is read for a while all the same:
 * the provider counts at the end, and a client that hangs up before must not have its tokens for nothing.
 */
export const relayAnswer = async (options: RelayOptions): Promise<Relayed> => {
  const { upstream, client, signal, clock, idleMs } = options;
  const filter = createAnswerFilter(headOf(upstream), { ...options, nowMs: () => clock.monotonicMs() });
  const received = gatherBytes();
  const reader = createReader(options);
  let cut: Broken | undefined;
  const stop = (why: Broken): void => {
    cut ??= why;
    upstream.destroy();
  };
  const pass = async (chunk: Buffer): Promise<Broken | undefined> => {
    const full = roomFor(received.size, chunk, options);
    if (full !== undefined) return full;
    received.add(chunk);
    return reader.write(filter.push(chunk));
  };
  client.writeHead(toldStatus(upstream.statusCode), computeAnswerHeaders(upstream.headers));
  client.flushHeaders();
  const cancelLast = clock.after(ANSWER_MS, () =>
    stop({ by: "answer_too_long", message: `the answer did not end within ${ANSWER_MS} ms` }),
  );
  const silence = watchSilence(clock, idleMs, () =>
    stop({ by: "provider_silent", message: `the provider was silent for ${idleMs} ms in the middle of its answer` }),
  );
  try {
    for await (const chunk of withoutKey(upstream, options.apiKey)) {
      // Whose turn it is: the provider is not heard while the client does not want more.
      silence.stop();
      const why = await pass(chunk);
      if (why !== undefined) stop(why);
      silence.heard();
    }
    if (!upstream.complete) stop(brokeOff("it ended early", reader.waitedMs()));
  } catch (error) {
    stop(signal.aborted ? gone : brokeOff(error, reader.waitedMs()));
  } finally {
    silence.stop();
    cancelLast();
  }
  const left = reader.left() ?? (client.destroyed ? gone : undefined);
  return endOf(filter, received.take(), { cut, left }, options);
};
