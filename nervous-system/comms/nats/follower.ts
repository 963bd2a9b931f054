import type { BusConnection } from "./connection.ts";
import { contextStream } from "#nervous-system/schemas/subjects.ts";
import { readStreamMessage, type StreamItem } from "./stored-frame.ts";
import { filterSubject } from "./subject-guard.ts";

/** Which part of the stream to follow. */
export type FollowOptions = {
  /** First stream sequence wanted; from the beginning without it. */
  readonly fromSeq?: number;
  /** Subject filters, one of which must hold; every frame without them. */
  readonly filters?: readonly string[];
  readonly signal: AbortSignal;
};

// A pull that was lost is missed after two heartbeats, each half of this.
const PULL_EXPIRES_MS = 10_000;

/**
 * Follows the stream without leaving a mark in it: every message from `fromSeq` on, in order, none missing,
 * then the new ones as they come, until the signal aborts. The client sets itself up again after a gap.
 */
export async function* followStream(connection: BusConnection, options: FollowOptions): AsyncGenerator<StreamItem> {
  const { fromSeq, filters, signal } = options;
  const consumer = await connection.js.consumers.get(contextStream, {
    ...(filters === undefined ? {} : { filter_subjects: filters.map(filterSubject) }),
    ...(fromSeq === undefined ? {} : { opt_start_seq: fromSeq }),
  });
  const messages = await consumer.consume({ expires: PULL_EXPIRES_MS });
  const stop = (): void => messages.stop();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    for await (const message of messages) {
      if (signal.aborted) return;
      yield readStreamMessage({
        subject: message.subject,
        data: message.data,
        headers: message.headers,
        streamSeq: message.seq,
        storedNs: BigInt(message.info.timestampNanos),
      });
    }
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}
