import { fingerprintOf, readChunk, type StreamItem, type StreamMessage } from "./read-chunk.ts";

/** A message of the stream as it was read. */
type ReadMessage = {
  /** See `fingerprintOf`. */
  readonly hash: string;
  readonly items: readonly StreamItem[];
};

/** One of the readers that share what they read. */
export type ChunkReader = {
  read(message: StreamMessage): ReadMessage;
  close(): void;
};

/** Reads each message of the stream once where several readers come to it one soon after the other. */
export type ChunkCache = { open(): ChunkReader };

const bytesOf = ({ items }: ReadMessage): number =>
  items
    .map((item) => (item.kind === "frame" ? item.frame.bytes.length + 3 * item.frame.envelopeText.length : 0))
    .reduce((sum, bytes) => sum + bytes, 0);

/** Creates a cache that keeps what was read last, up to `maxBytes` of frames and their envelopes, while there is more than one reader. */
export const createChunkCache = (maxBytes: number): ChunkCache => {
  const kept = new Map<string, { readonly message: ReadMessage; readonly bytes: number }>();
  let [held, readers] = [0, 0];
  const shrinkTo = (most: number): void => {
    for (const [oldest, { bytes }] of kept) {
      if (held <= most) return;
      kept.delete(oldest);
      held -= bytes;
    }
  };
  const read = (message: StreamMessage): ReadMessage => {
    const hash = fingerprintOf(message);
    // In a stream that was made anew another message stands at the same sequence, or was stored at another time.
    const key = `${message.streamSeq} ${hash}`;
    const known = kept.get(key)?.message;
    if (known !== undefined) return known;
    const fresh = { hash, items: readChunk(message) };
    if (readers < 2) return fresh;
    const bytes = bytesOf(fresh);
    kept.set(key, { message: fresh, bytes });
    held += bytes;
    shrinkTo(maxBytes);
    return fresh;
  };
  return {
    open: () => {
      let isOpen = true;
      readers += 1;
      return {
        read,
        close: () => {
          readers -= isOpen ? 1 : 0;
          isOpen = false;
          if (readers < 2) shrinkTo(-1);
        },
      };
    },
  };
};
