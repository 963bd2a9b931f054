import { once } from "node:events";
import type { EventEmitter } from "node:events";

/** The writing half of a gRPC call. */
type Sink = EventEmitter & { write(chunk: Buffer): boolean; end(): void };

/**
 * Writes every chunk of `source` to `sink` no faster than the peer takes them, then ends it. Stops,
 * without an error, when `signal` aborts: the call is over then, and its status says why.
 */
export const pump = async (source: AsyncIterable<Buffer>, sink: Sink, signal: AbortSignal): Promise<void> => {
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
