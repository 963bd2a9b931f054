import type { ConsumerMessages, JsMsg } from "@nats-io/jetstream";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { contextStream } from "#nervous-system/schemas/subjects.ts";
import type { BusConnection } from "./connection.ts";
import { chunkOf, placeOf } from "./place.ts";
import { checkStream, StreamChangedError, watchStream, type StreamMark } from "./stream-position.ts";
import { filterSubject } from "./subject-guard.ts";
import { untilAborted } from "#nervous-system/kernel/until-aborted.ts";

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
  /** How long a message may stay unacknowledged before it is delivered again, milliseconds. */
  readonly ackWaitMs: number;
  /** How much the client fetches ahead: messages, or bytes where messages may be large. */
  readonly prefetch: number | { readonly bytes: number };
  /** Types wanted, of those that the filter lets through; every frame without it. */
  readonly types?: ReadonlySet<string>;
  /** Place to begin at, whatever was acknowledged: for a store that knows itself what it holds. */
  readonly from?: number;
  /** What the store saw of the stream last; before anything is read the stream must still hold it. */
  readonly after?: StreamMark | undefined;
};

const NS_PER_MS = 1_000_000;
const REOPEN_MS = 250;
// A pull that was lost is missed after two heartbeats, each half of this.
const PULL_EXPIRES_MS = 10_000;

/** JSConsumerAlreadyExists: with other settings than the ones given. */
const EXISTS = 10148;

const ensureDurable = async (options: DurableOptions): Promise<void> => {
  const { consumers } = options.connection.manager;
  // What may differ from what an earlier version asked for.
  const changing = {
    ack_wait: options.ackWaitMs * NS_PER_MS,
    max_ack_pending: options.maxAckPending,
    ...(options.filter === undefined ? {} : { filter_subject: filterSubject(options.filter) }),
  };
  try {
    await consumers.add(contextStream, {
      durable_name: options.name,
      ack_policy: "all",
      deliver_policy: "all",
      max_deliver: -1,
      ...changing,
    });
  } catch (error) {
    if ((error as { code?: unknown } | null)?.code !== EXISTS) throw error;
    await consumers.update(contextStream, options.name, changing);
  }
};

type Opened = {
  messages: ConsumerMessages;
  iterator: AsyncIterator<JsMsg>;
  delivered: number;
  /** Aborts when the connection that it reads over is lost, or the stream is not the one that is read. */
  link: AbortSignal;
  /** Ends the watch over the stream. */
  over: AbortController;
};

/**
 * The deliveries of a durable consumer, none passed over.
 *
 * With AckAll, an acknowledgement covers every message before it, so one that was delivered into a connection
 * that died must never be missing unseen: each delivery carries a counter, and where the counter jumps the
 * consumer is set back to what was acknowledged and read again from there. So a message may come again.
 */
export class Deliveries {
  private readonly options: DurableOptions;
  private beginAt: number | undefined;
  private opened: Opened | undefined;
  private waiting: Promise<IteratorResult<JsMsg>> | undefined;
  private closed = false;
  /** The newest message given and what it was; every time that the consumer is opened the stream must still hold it. */
  private newest: StreamMark | undefined;
  private stream = "";

  constructor(options: DurableOptions) {
    this.options = options;
    this.newest = options.after;
    this.stream = options.after?.stream ?? "";
    this.beginAt = options.from === undefined ? undefined : Math.max(1, chunkOf(options.from));
  }

  /**
   * The next delivery; waits for it, and rejects with the signal's reason when it aborts, with `StreamChangedError` when
   * the stream is not the one that was read before.
   */
  async next(signal: AbortSignal): Promise<JsMsg> {
    for (;;) {
      signal.throwIfAborted();
      const message = await this.receiveSafely(signal);
      if (message !== undefined) return message;
    }
  }

  /** The connection that what was given last came over. */
  link(): AbortSignal {
    return this.opened?.link ?? AbortSignal.abort(new Error("the reader is closed"));
  }

  /** Keeps what was given last, and answers its mark. */
  given(streamSeq: number, hash: string): StreamMark {
    this.newest = { stream: this.stream, place: placeOf(streamSeq, 0), hash };
    return this.newest;
  }

  /** Stops fetching; a `next` that waits rejects once its signal aborts. */
  close(): void {
    this.closed = true;
    this.discard();
  }

  private discard(): void {
    // Not awaited: `close` of the client waits until what was fetched ahead is read.
    this.opened?.messages.stop();
    this.opened?.over.abort(new Error("read no further"));
    this.opened = undefined;
    this.waiting = undefined;
  }

  private async open(): Promise<Opened> {
    const { connection, name, prefetch } = this.options;
    const { manager, js, whileUp } = connection;
    const link = connection.currentLink();
    // A stream that lost its tail gives other messages the sequences that were read: none of them may pass for given.
    this.stream = await whileUp(() => checkStream(manager, this.stream, this.newest));
    await whileUp(() => ensureDurable(this.options));
    const reset = await whileUp(() => manager.consumers.reset(contextStream, name, this.beginAt));
    this.beginAt = undefined;
    const consumer = await whileUp(() => js.consumers.get(contextStream, name));
    const limit = typeof prefetch === "number" ? { max_messages: prefetch } : { max_bytes: prefetch.bytes };
    // A consumer that somebody deleted would be silent for ever: its reader makes it again.
    const consuming = consumer.consume({ ...limit, expires: PULL_EXPIRES_MS, abort_on_missing_resource: true });
    const messages = await whileUp(() => consuming).catch((error: unknown) => {
      // Nobody would read it, and what it fetched would be missing elsewhere.
      void consuming.then(
        (late) => late.stop(),
        () => {},
      );
      throw error;
    });
    const over = new AbortController();
    const changed = watchStream({
      manager,
      clock: this.options.clock,
      began: this.stream,
      newest: () => this.newest,
      signal: AbortSignal.any([over.signal, link]),
    });
    return {
      messages,
      iterator: messages[Symbol.asyncIterator](),
      delivered: reset.delivered.consumer_seq,
      link: AbortSignal.any([link, changed]),
      over,
    };
  }

  /** The next delivery in an unbroken row; undefined when the row broke and the consumer must be reopened. */
  private async receive(signal: AbortSignal): Promise<JsMsg | undefined> {
    const { log, name } = this.options;
    this.opened ??= await this.open();
    if (this.closed) this.discard();
    if (this.opened === undefined) throw new Error(`the reader "${name}" is closed`);
    // The client pulls again by itself, yet late when its first pull after the loss is lost, too.
    this.waiting ??= untilAborted(this.opened.iterator.next(), this.opened.link);
    const result = await untilAborted(this.waiting, signal);
    this.waiting = undefined;
    if (result.done === true) return undefined;
    const message = result.value;
    if (message.info.deliverySequence !== this.opened.delivered + 1) {
      log.warn({ consumer: name, at: message.seq }, "a delivery was lost; reading again from the last acknowledgement");
      return undefined;
    }
    this.opened.delivered += 1;
    return message;
  }

  private async receiveSafely(signal: AbortSignal): Promise<JsMsg | undefined> {
    const { clock, log, name } = this.options;
    try {
      const message = await this.receive(signal);
      if (message === undefined) this.discard();
      return message;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (this.closed || error instanceof StreamChangedError) throw error;
      log.warn({ consumer: name, error: String(error) }, "reading the stream failed; trying again");
      this.discard();
      await clock.sleep(REOPEN_MS, signal);
      return undefined;
    }
  }
}
