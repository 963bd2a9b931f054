import type { JsMsg } from "@nats-io/jetstream";
import { contextStream } from "#nervous-system/schemas/subjects.ts";
import { Deliveries, type DurableOptions } from "./deliveries.ts";
import { readStreamMessage, type StreamItem } from "./stored-frame.ts";
import { untilAborted } from "#nervous-system/kernel/until-aborted.ts";

/** Reads the stream in its order, each message once, from what was acknowledged last. */
export type DurableReader = {
  /** The next message; waits for it, and rejects with the signal's reason when it aborts. */
  next(signal: AbortSignal): Promise<StreamItem>;
  /** Acknowledges every message up to and including `streamSeq`, which `next` must have given. */
  ackThrough(streamSeq: number): Promise<void>;
  /** Messages of the filter that were not read yet. */
  pending(): Promise<number>;
  close(): void;
};

const CONFIRM_MS = 5_000;

const itemOf = (message: JsMsg): StreamItem =>
  readStreamMessage({
    subject: message.subject,
    data: message.data,
    headers: message.headers,
    streamSeq: message.seq,
    storedNs: BigInt(message.info.timestampNanos),
  });

/** Creates the durable consumer when it is missing and reads it; it connects with the first `next`. */
export const openDurableReader = (options: DurableOptions): DurableReader => {
  const { connection, log, name } = options;
  const deliveries = new Deliveries(options);
  const unacked = new Map<number, JsMsg>();
  let lastGiven = 0;
  let ackedThrough = 0;

  /** Takes a message; false for one that was given before, which comes again when a server forgot an acknowledgement. */
  const take = (message: JsMsg): boolean => {
    if (message.seq <= ackedThrough) message.ack();
    else unacked.set(message.seq, message);
    if (message.seq <= lastGiven) return false;
    lastGiven = message.seq;
    return true;
  };

  return {
    next: async (signal) => {
      for (;;) {
        const message = await deliveries.next(signal);
        if (take(message)) return itemOf(message);
      }
    },
    ackThrough: async (streamSeq) => {
      const message = unacked.get(streamSeq);
      if (message === undefined) throw new RangeError(`message ${streamSeq} was not read or is acknowledged`);
      ackedThrough = streamSeq;
      for (const seq of [...unacked.keys()].filter((known) => known <= streamSeq)) unacked.delete(seq);
      // When the acknowledgement is lost, a later one covers it, or the message is read and skipped again.
      const confirmed = message.ackAck({ timeout: CONFIRM_MS });
      await untilAborted(confirmed, connection.currentLink()).catch((error: unknown) => {
        log.warn({ consumer: name, error: String(error) }, "an acknowledgement was not confirmed");
      });
    },
    pending: async () => {
      const info = await connection.manager.consumers.info(contextStream, name);
      return info.num_pending + info.num_ack_pending;
    },
    close: () => deliveries.close(),
  };
};
