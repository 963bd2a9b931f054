import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { Duplex, Readable, Writable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { answerException, exceptionTail, successHeaders, type AnswerFormat } from "./answer.ts";
import { encoder } from "./compression.ts";
import type { RunSummary } from "./engine-protocol.ts";
import { asException, type ClickHouseException } from "./exception.ts";

/** A query under way: its rows as they come, and how it ends. */
export type RunningQuery = { readonly rows: Readable; readonly outcome: Promise<RunSummary> };

/** Where the rows go; `gone` aborts when the client has left. */
export type Recipient = { readonly response: ServerResponse; readonly frame: AnswerFormat; readonly gone: AbortSignal };

type Gathered = { readonly chunks: Buffer[]; readonly next: Promise<IteratorResult<Buffer>> | undefined };

// A result that is whole within this much and this time is answered with true status and summary; others stream.
const HELD_BYTES = 64 * 1024;
const HELD_MS = 50;
const LINGER_MS = 100;

const gather = async (rows: AsyncIterator<Buffer>, clock: Clock): Promise<Gathered> => {
  const chunks: Buffer[] = [];
  const held = Promise.withResolvers<"held">();
  let cancel: (() => void) | undefined;
  try {
    for (let size = 0; ;) {
      const next = rows.next();
      if (size >= HELD_BYTES) return { chunks, next };
      const result = await Promise.race([next, held.promise]);
      if (result === "held") return { chunks, next };
      if (result.done) return { chunks, next: undefined };
      chunks.push(result.value);
      size += result.value.length;
      cancel ??= clock.after(HELD_MS, () => held.resolve("held"));
    }
  } finally {
    cancel?.();
  }
};

const send = async (target: Writable, chunk: Buffer | string, gone: AbortSignal): Promise<void> => {
  gone.throwIfAborted();
  if (!target.write(chunk)) await once(target, "drain", { signal: gone });
};

// What the compressor holds goes out while the next rows are still being made.
const flush = (compressor: Duplex | undefined): void => {
  (compressor as { flush?: () => void } | undefined)?.flush?.();
};

const end = async (response: ServerResponse, compressor: Duplex | undefined, gone: AbortSignal): Promise<void> => {
  if (compressor === undefined) return;
  compressor.end();
  if (!compressor.readableEnded) await once(compressor, "end", { signal: gone });
  await nextTurn();
  if (response.destroyed) gone.throwIfAborted();
};

// The answer must not look whole, so it ends without the last chunk of its transfer encoding.
const breakOff = async (to: Recipient, compressor: Duplex | undefined, error: ClickHouseException, clock: Clock) => {
  await send(compressor ?? to.response, exceptionTail(to.frame, error), to.gone);
  await end(to.response, compressor, to.gone);
  // Clients drop what they have not read yet when the connection breaks: let them read the exception first.
  await clock.sleep(LINGER_MS);
  to.response.socket?.end();
};

const answerWhole = async (to: Recipient, chunks: Buffer[], outcome: Promise<RunSummary>): Promise<void> => {
  const summary = await outcome;
  to.response.writeHead(200, successHeaders(to.frame, summary));
  const compressor = encoder(to.frame.encoding);
  if (compressor === undefined) return void to.response.end(Buffer.concat(chunks));
  compressor.pipe(to.response);
  compressor.end(Buffer.concat(chunks));
};

type Streaming = { readonly query: RunningQuery; readonly clock: Clock };

const stream = async (
  to: Recipient,
  rows: AsyncIterator<Buffer>,
  { chunks, next }: Gathered,
  { query, clock }: Streaming,
) => {
  const { response, frame, gone } = to;
  response.writeHead(200, successHeaders(frame));
  const compressor = encoder(frame.encoding);
  compressor?.pipe(response, { end: false });
  const target = compressor ?? response;
  for (const chunk of chunks) await send(target, chunk, gone);
  for (let result = await next; result && !result.done; result = await rows.next()) {
    await send(target, result.value, gone);
    if (query.rows.readableLength === 0) flush(compressor);
  }
  const failure = await query.outcome.then(() => undefined, asException);
  if (failure !== undefined) return breakOff(to, compressor, failure, clock);
  await end(response, compressor, gone);
  response.end();
};

/** Sends a query's rows as they come. An error before the first was sent is a plain error answer; later, a broken one. */
export const answerRows = async (to: Recipient, query: RunningQuery, clock: Clock): Promise<void> => {
  const rows = query.rows[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const gathered = await gather(rows, clock);
  to.gone.throwIfAborted();
  if (gathered.next !== undefined) return stream(to, rows, gathered, { query, clock });
  await answerWhole(to, gathered.chunks, query.outcome).catch((error: unknown) =>
    answerException(to.response, to.frame, asException(error)),
  );
};
