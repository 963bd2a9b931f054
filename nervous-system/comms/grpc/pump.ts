import { once } from "node:events";
import type { EventEmitter } from "node:events";
import type { Readable } from "node:stream";

/** The writing half of a gRPC call. */
type Sink = EventEmitter & { write(chunk: Buffer): boolean; end(): void };

/**
 * Has one side of a gRPC call keep one message: by itself it keeps sixteen, of whatever size. It is made by grpc-js, which has no
 * option for it, and Node has none for a stream that is there.
 */
const keepOne = (call: object, side: "_readableState" | "_writableState"): void => {
  (call as Record<typeof side, { highWaterMark: number }>)[side].highWaterMark = 1;
};

/** Has a call take in no message before the one before it is read. */
export const takeOneAtATime = (call: Readable): void => keepOne(call, "_readableState");

/**
 * Writes every chunk of `source` to `sink` no faster than the peer takes them, then ends it. Stops,
 * without an error, when `signal` aborts: the call is over then, and its status says why.
 */
export const pump = async (source: AsyncIterable<Buffer>, sink: Sink, signal: AbortSignal): Promise<void> => {
  keepOne(sink, "_writableState");
  for await (const chunk of source) {
    if (signal.aborted) return;
    if (sink.write(chunk)) continue;
    try {
      await once(sink, "drain", { signal });
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
  }
  if (!signal.aborted) sink.end();
};
