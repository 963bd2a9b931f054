import type { ConsumerMessages } from "@nats-io/jetstream";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { contextStream } from "#nervous-system/schemas/subjects.ts";
import type { BusConnection } from "./connection.ts";
import { chunkOf, placeOf } from "./place.ts";
import { fingerprintOf, placeOfItem, readChunk, streamMessageOfDelivery } from "./read-chunk.ts";
import { checkStream, StreamChangedError, watchStream, type Delivered, type StreamMark } from "./stream-position.ts";
import { filterSubject } from "./subject-guard.ts";

/** Which part of the stream to follow. */
export type FollowOptions = {
  /** First place wanted; from the beginning without it. */
  readonly from?: number;
  /** What the reader passed last, to be compared before anything is read. */
  readonly after?: StreamMark | undefined;
  /** Subject filters, one of which must hold; every frame without them. */
  readonly filters?: readonly string[];
  readonly signal: AbortSignal;
};

// A pull that was lost is missed after two heartbeats, each half of this.
const PULL_EXPIRES_MS = 10_000;
// How long the server keeps the place of a follower that is gone.
const FORGOTTEN_MS = 30_000;

const consume = async ({ js, whileUp }: BusConnection, { from = 0, filters }: FollowOptions) => {
  const options = {
    inactive_threshold: FORGOTTEN_MS,
    ...(filters === undefined ? {} : { filter_subjects: filters.map(filterSubject) }),
    ...(chunkOf(from) === 0 ? {} : { opt_start_seq: chunkOf(from) }),
  };
  const consumer = await whileUp(() => js.consumers.get(contextStream, options));
  return consumer.consume({ expires: PULL_EXPIRES_MS });
};

type Follow = FollowOptions & { readonly connection: BusConnection; readonly clock: Pick<Clock, "sleep"> };

/** Follows over one connection, until that is lost or the signal aborts. */
async function* followLink({ connection, clock, ...options }: Follow): AsyncGenerator<Delivered> {
  const { from = 0, after, signal } = options;
  const { manager, whileUp } = connection;
  const over = new AbortController();
  const either = AbortSignal.any([signal, connection.currentLink(), over.signal]);
  let messages: ConsumerMessages | undefined;
  const stop = (): void => messages?.stop();
  try {
    // A server that comes back may have another end of the stream, with other messages in the places that were read.
    const began = await whileUp(() => checkStream(manager, after?.stream ?? "", after));
    let newest = after;
    const changed = watchStream({ manager, clock, began, newest: () => newest, signal: either });
    messages = await consume(connection, options);
    const ended = AbortSignal.any([either, changed]);
    ended.addEventListener("abort", stop, { once: true });
    if (ended.aborted) stop();
    for await (const message of messages) {
      if (ended.aborted) break;
      const read = streamMessageOfDelivery(message);
      const mark = { stream: began, place: placeOf(message.seq, 0), hash: fingerprintOf(read) };
      newest = mark;
      const wanted = readChunk(read).filter((item) => placeOfItem(item) >= from);
      yield* wanted.map((item) => ({ item, mark }));
    }
    changed.throwIfAborted();
  } finally {
    over.abort(new Error("read no further"));
    stop();
  }
}

/**
 * Follows the stream without leaving a mark in it: every item from `from` on, in order, none missing, then the new ones
 * as they come, until the signal aborts. Throws `StreamChangedError` when the stream is not the one that was read.
 */
export async function* followStream(follow: Follow): AsyncGenerator<Delivered> {
  const { connection, signal } = follow;
  let { from, after } = follow;
  while (!signal.aborted) {
    await connection.untilUp(signal);
    const link = connection.currentLink();
    try {
      for await (const delivered of followLink({ ...follow, from: from ?? 0, after })) {
        yield delivered;
        [from, after] = [placeOfItem(delivered.item) + 1, delivered.mark];
      }
    } catch (error) {
      if (!link.aborted || error instanceof StreamChangedError) throw error;
    }
  }
}
