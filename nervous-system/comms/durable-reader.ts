import type { Consumer, ConsumerMessages, JsMsg } from "@nats-io/jetstream";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { contextStream } from "#nervous-system/schemas/subjects.ts";
import type { BusConnection } from "./connection.ts";
import { readStreamMessage, type StreamItem } from "./stored-frame.ts";
import { filterSubject } from "./subject-guard.ts";
import { untilAborted } from "./until-aborted.ts";

/** A named place in the stream that survives its reader. */
export type DurableOptions = {
  readonly connection: BusConnection;
  readonly clock: Pick<Clock, "sleep">;
  readonly log: Log;
  /** Name of the durable consumer, one a sink. */
  readonly name: string;
  /** Subject filter; every frame without it. */
  readonly filter?: string;
  /** Messages that may be read ahead of the last acknowledgement. */
  readonly maxAckPending: number;
  /** How much the client fetches ahead: messages, or bytes where messages may be large. */
  readonly prefetch: number | { readonly bytes: number };
  /** Where to begin, whatever was acknowledged: for a store that knows itself what it holds. */
  readonly fromSeq?: number;
};

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

const ACK_WAIT_NS = 120_000_000_000;
const REOPEN_MS = 500;

/** JSConsumerAlreadyExists: with other settings than the ones given. */
const EXISTS = 10148;

const ensureDurable = async (options: DurableOptions): Promise<void> => {
  const { consumers } = options.connection.manager;
  // What may differ from what an earlier version asked for.
  const changing = { ack_wait: ACK_WAIT_NS, max_ack_pending: options.maxAckPending };
  try {
    await consumers.add(contextStream, {
      durable_name: options.name,
      ack_policy: "all",
      deliver_policy: "all",
      max_deliver: -1,
      ...changing,
      ...(options.filter === undefined ? {} : { filter_subject: filterSubject(options.filter) }),
    });
  } catch (error) {
    if ((error as { code?: unknown } | null)?.code !== EXISTS) throw error;
    await consumers.update(contextStream, options.name, changing);
  }
};

const itemOf = (message: JsMsg): StreamItem =>
  readStreamMessage({
    subject: message.subject,
    data: message.data,
    headers: message.headers,
    streamSeq: message.seq,
    storedNs: BigInt(message.info.timestampNanos),
  });

type Opened = { messages: ConsumerMessages; iterator: AsyncIterator<JsMsg>; delivered: number };

/**
 * Creates the durable consumer when it is missing and reads it.
 *
 * With AckAll, an acknowledgement covers every message before it, so one that was delivered into a connection
 * that died must never be passed over: each delivery carries a counter, and where the counter jumps the
 * consumer is set back to what was acknowledged and read again from there. What was already given is skipped.
 */
export const openDurableReader = async (options: DurableOptions): Promise<DurableReader> => {
  const { connection, log, name, prefetch } = options;
  const { manager, js } = connection;
  const unacked = new Map<number, JsMsg>();
  let beginAt = options.fromSeq;
  let lastGiven = 0;
  let ackedThrough = 0;
  let opened: Opened | undefined;
  let waiting: Promise<IteratorResult<JsMsg>> | undefined;
  let closed = false;

  const open = async (): Promise<Opened> => {
    await ensureDurable(options);
    const reset = await manager.consumers.reset(contextStream, name, beginAt);
    beginAt = undefined;
    const consumer: Consumer = await js.consumers.get(contextStream, name);
    const messages = await consumer.consume(
      typeof prefetch === "number" ? { max_messages: prefetch } : { max_bytes: prefetch.bytes },
    );
    const iterator = messages[Symbol.asyncIterator]();
    return { messages, iterator, delivered: reset.delivered.consumer_seq };
  };

  const discard = (): void => {
    // Not awaited: `close` of the client waits until what was fetched ahead is read.
    opened?.messages.stop();
    opened = undefined;
    waiting = undefined;
  };

  /** The next delivery in an unbroken row; undefined when the row broke and the consumer must be reopened. */
  const receive = async (signal: AbortSignal): Promise<JsMsg | undefined> => {
    opened ??= await open();
    waiting ??= opened.iterator.next();
    const result = await untilAborted(waiting, signal);
    waiting = undefined;
    if (result.done === true) return undefined;
    const message = result.value;
    if (message.info.deliverySequence !== opened.delivered + 1) {
      log.warn({ consumer: name, at: message.seq }, "a delivery was lost; reading again from the last acknowledgement");
      return undefined;
    }
    opened.delivered += 1;
    return message;
  };

  const receiveSafely = async (signal: AbortSignal): Promise<JsMsg | undefined> => {
    try {
      const message = await receive(signal);
      if (message !== undefined) return message;
      discard();
    } catch (error) {
      if (signal.aborted || closed) throw signal.aborted ? signal.reason : error;
      log.warn({ consumer: name, error: String(error) }, "reading the stream failed; trying again");
      discard();
      await options.clock.sleep(REOPEN_MS, signal);
    }
    return undefined;
  };

  /** A server that died may have forgotten an acknowledgement; what was given before is never given again. */
  const recall = (message: JsMsg): void => {
    if (message.seq <= ackedThrough) message.ack();
    else unacked.set(message.seq, message);
  };

  return {
    next: async (signal) => {
      for (;;) {
        signal.throwIfAborted();
        const message = await receiveSafely(signal);
        if (message === undefined) continue;
        if (message.seq <= lastGiven) {
          recall(message);
          continue;
        }
        lastGiven = message.seq;
        unacked.set(message.seq, message);
        return itemOf(message);
      }
    },
    ackThrough: async (streamSeq) => {
      const message = unacked.get(streamSeq);
      if (message === undefined) throw new RangeError(`message ${streamSeq} was not read or is acknowledged`);
      ackedThrough = streamSeq;
      for (const seq of [...unacked.keys()].filter((known) => known <= streamSeq)) unacked.delete(seq);
      // When the acknowledgement is lost, a later one covers it, or the message is read and skipped again.
      const confirmed = message.ackAck({ timeout: 5_000 });
      await untilAborted(confirmed, connection.currentLink()).catch((error: unknown) => {
        log.warn({ consumer: name, error: String(error) }, "an acknowledgement was not confirmed");
      });
    },
    pending: async () => {
      const info = await manager.consumers.info(contextStream, name);
      return info.num_pending + info.num_ack_pending;
    },
    close: () => {
      closed = true;
      discard();
    },
  };
};
