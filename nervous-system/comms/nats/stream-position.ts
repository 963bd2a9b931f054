import type { JetStreamManager } from "@nats-io/jetstream";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { contextStream } from "#nervous-system/schemas/subjects.ts";
import { chunkOf, placeOf } from "./place.ts";
import { fingerprintOf, placeOfItem, readChunk, streamMessageOf, type StreamItem } from "./read-chunk.ts";

/** A point of the stream that its reader has passed, and what stood there. */
export type StreamMark = {
  /** When the stream was created, RFC 3339: places of another stream of the same name are other frames. */
  readonly stream: string;
  /** Of any frame of the message. */
  readonly place: number;
  /** Fingerprint of the message that holds the place. */
  readonly hash: string;
};

/** An item of the stream, and the mark of the message that holds it. */
export type Delivered = { readonly item: StreamItem; readonly mark: StreamMark };

/** The stream is not the one that was read: it lost its tail and uses sequences again, or was made anew. */
export class StreamChangedError extends Error {
  override readonly name = "StreamChangedError";
}

type Streams = Pick<JetStreamManager, "streams">;

/** When the stream was created. */
export const readStreamCreated = async (manager: Streams): Promise<string> => {
  const { created } = await manager.streams.info(contextStream);
  return created;
};

/** When a message was stored, Unix milliseconds; undefined where the stream does not hold it. */
export const readStoredMs = async (manager: Streams, streamSeq: number): Promise<number | undefined> => {
  const message = await manager.streams.getMessage(contextStream, { seq: streamSeq });
  return message === null ? undefined : Date.parse(message.timestamp);
};

/**
 * The mark of the newest frame that the stream holds; without a hash where it holds none, its place then being the last
 * that was ever taken (0 for none). Rejects while there is no stream.
 */
export const readNewest = async (manager: Streams): Promise<StreamMark> => {
  const { created: stream, state } = await manager.streams.info(contextStream);
  const message = await manager.streams.getMessage(contextStream, { last_by_subj: "context.>" });
  if (message === null) return { stream, place: Math.max(0, placeOf(state.last_seq + 1, 0) - 1), hash: "" };
  const read = streamMessageOf(message);
  const last = readChunk(read).at(-1);
  return { stream, place: last === undefined ? placeOf(message.seq, 0) : placeOfItem(last), hash: fingerprintOf(read) };
};

/** Whether the stream still holds at a mark what stood there. What the trimmer has purged cannot be compared, and counts as held. */
export const holdsMark = async (manager: Streams, { stream, place, hash }: StreamMark): Promise<boolean> => {
  const { created, state } = await manager.streams.info(contextStream);
  const streamSeq = chunkOf(place);
  if (created !== stream || state.last_seq < streamSeq) return false;
  const message = await manager.streams.getMessage(contextStream, { seq: streamSeq });
  // It may have been trimmed between the two questions.
  if (message === null) return (await manager.streams.info(contextStream)).state.first_seq > streamSeq;
  return fingerprintOf(streamMessageOf(message)) === hash;
};

const lostMessage = ({ place }: StreamMark): string =>
  `the stream no longer holds message ${chunkOf(place)} that was read from it`;

/**
 * Compares what a reader passed last with the stream, and before it has read anything the stream's time of creation with
 * the one it began on; throws `StreamChangedError` where they differ. Answers the time of creation.
 */
export const checkStream = async (manager: Streams, began: string, newest: StreamMark | undefined): Promise<string> => {
  if (newest !== undefined) {
    if (await holdsMark(manager, newest)) return newest.stream;
    throw new StreamChangedError(lostMessage(newest));
  }
  const created = await readStreamCreated(manager);
  if (began === "" || began === created) return created;
  throw new StreamChangedError("the stream was made anew");
};

const LOOK_MS = 5_000;

/** What a watch over the stream of a reader needs. */
export type StreamWatch = {
  readonly manager: Streams;
  readonly clock: Pick<Clock, "sleep">;
  /** When the stream was created that is read. */
  readonly began: string;
  readonly newest: () => StreamMark | undefined;
  /** Ends the watch. */
  readonly signal: AbortSignal;
};

/**
 * Aborts with `StreamChangedError` once the stream is not the one that is read: the consumer of a stream that was made
 * anew while the connection held says nothing, for ever.
 */
export const watchStream = ({ manager, clock, began, newest, signal }: StreamWatch): AbortSignal => {
  const changed = new AbortController();
  const look = async (): Promise<void> => {
    try {
      await checkStream(manager, began, newest());
    } catch (error) {
      if (error instanceof StreamChangedError) changed.abort(error); // what does not answer now may be the same
    }
  };
  const watch = async (): Promise<void> => {
    while (!changed.signal.aborted) {
      await clock.sleep(LOOK_MS, signal);
      await look();
    }
  };
  watch().catch(() => undefined); // its reader is done
  return changed.signal;
};
