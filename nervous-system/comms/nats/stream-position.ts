import type { JetStreamManager } from "@nats-io/jetstream";
import { contextStream } from "#nervous-system/schemas/subjects.ts";
import { chunkOf, placeOf } from "./place.ts";
import { fingerprintOf, readCount, streamMessageOf, type StreamItem } from "./read-chunk.ts";

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

/** Place of the newest frame that the stream holds, 0 for an empty one; rejects while there is no stream. */
export const readLastPlace = async (manager: Streams): Promise<number> => {
  const { state } = await manager.streams.info(contextStream);
  const message =
    state.messages === 0 ? null : await manager.streams.getMessage(contextStream, { seq: state.last_seq });
  return placeOf(state.last_seq, message === null ? 0 : Math.max(0, readCount(streamMessageOf(message)) - 1));
};

/** Whether the stream still holds at a mark what stood there. What the trimmer has purged cannot be compared, and counts as held. */
export const holdsMark = async (manager: Streams, { stream, place, hash }: StreamMark): Promise<boolean> => {
  const { created, state } = await manager.streams.info(contextStream);
  const streamSeq = chunkOf(place);
  if (created !== stream || state.last_seq < streamSeq) return false;
  const message = await manager.streams.getMessage(contextStream, { seq: streamSeq });
  if (message === null) return state.first_seq > streamSeq;
  return fingerprintOf(streamMessageOf(message)) === hash;
};
