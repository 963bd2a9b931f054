import type { JsMsg } from "@nats-io/jetstream";
import { untilAborted } from "#nervous-system/kernel/until-aborted.ts";
import { contextStream } from "#nervous-system/schemas/subjects.ts";
import { Deliveries, type DurableOptions } from "./deliveries.ts";
import type { ChunkReader } from "./chunk-cache.ts";
import { placeOfItem, streamMessageOfDelivery, type StreamItem } from "./read-chunk.ts";
import { StreamChangedError, type Delivered } from "./stream-position.ts";

/** Reads the stream in its order, each item once, from what was acknowledged last. */
export type DurableReader = {
  /**
   * The next item; waits for it. Rejects with the signal's reason when it aborts, and with `StreamChangedError` when the
   * stream lost what was given: nothing that stands in the same places now may be taken for it.
   */
  next(signal: AbortSignal): Promise<Delivered>;
  /** Acknowledges every item up to and including `place`, which `next` must have given. */
  ackThrough(place: number): Promise<void>;
  /** Messages of the filter that are not acknowledged yet. */
  pending(): Promise<number>;
  close(): void;
};

/** A message of which not everything is acknowledged. */
type Open = {
  readonly message: JsMsg;
  readonly hash: string;
  /** The connection that it came over. */
  readonly link: AbortSignal;
  /** Place of the last item wanted of it, 0 where none is. */
  readonly last: number;
};

const CONFIRM_MS = 5_000;

/** Messages that were read and not acknowledged: the server takes acknowledgements of whole messages only. */
class Unacknowledged {
  private readonly open = new Map<number, Open>();
  private through = 0;

  add(one: Open): void {
    this.open.set(one.message.seq, one);
  }

  /** Takes a message that comes again, since a server forgot an acknowledgement or the row of deliveries broke. */
  addAgain(one: Omit<Open, "last">): void {
    const { message, hash } = one;
    const known = this.open.get(message.seq);
    if (known === undefined) message.ack();
    else if (known.hash === hash) this.open.set(message.seq, { ...one, last: known.last });
    else throw new StreamChangedError(`message ${message.seq} of the stream is not the one that was read`);
  }

  finish(place: number): void {
    if (place <= this.through) throw new RangeError(`place ${place} was not read or is acknowledged`);
    this.through = place;
  }

  /** The newest message of which, and before which, everything wanted is finished. */
  take(): JsMsg | undefined {
    let newest: Open | undefined;
    for (const [seq, one] of this.open) {
      if (one.last > this.through) break;
      newest = one;
      this.open.delete(seq);
    }
    // Said over a later connection it could cover messages that a server which lost its tail has in the same places.
    return newest === undefined || newest.link.aborted ? undefined : newest.message;
  }
}

/** Creates the durable consumer when it is missing and reads it by `chunks`, which it closes; it connects with the first `next`. */
export const openDurableReader = (options: DurableOptions, chunks: ChunkReader): DurableReader => {
  const { connection, log, name, types, from = 0 } = options;
  const deliveries = new Deliveries(options);
  const unacknowledged = new Unacknowledged();
  let waiting: Delivered[] = [];
  let lastRead = 0;

  const isWanted = (item: StreamItem): boolean =>
    placeOfItem(item) >= from &&
    (types === undefined || item.kind === "poison" || types.has(item.frame.envelope.event_type));

  /** Reads a message into what waits. */
  const take = (message: JsMsg): void => {
    const { hash, items } = chunks.read(streamMessageOfDelivery(message));
    const link = deliveries.link();
    if (message.seq <= lastRead) return unacknowledged.addAgain({ message, hash, link });
    lastRead = message.seq;
    const mark = deliveries.given(message.seq, hash);
    waiting = items.filter(isWanted).map((item) => ({ item, mark }));
    const last = waiting.at(-1);
    unacknowledged.add({ message, hash, link, last: last === undefined ? 0 : placeOfItem(last.item) });
    // What nobody wants must not fill the window of unacknowledged messages.
    if (last === undefined) unacknowledged.take()?.ack();
  };

  return {
    next: async (signal) => {
      for (;;) {
        const delivered = waiting.shift();
        if (delivered !== undefined) return delivered;
        take(await deliveries.next(signal));
      }
    },
    ackThrough: async (place) => {
      unacknowledged.finish(place);
      // When the acknowledgement is lost, a later one covers it, or the message is read and skipped again.
      const confirmed = unacknowledged.take()?.ackAck({ timeout: CONFIRM_MS });
      if (confirmed === undefined) return;
      await untilAborted(confirmed, connection.currentLink()).catch((error: unknown) => {
        log.warn({ consumer: name, error: String(error) }, "an acknowledgement was not confirmed");
      });
    },
    pending: async () => {
      const info = await connection.manager.consumers.info(contextStream, name);
      return info.num_pending + info.num_ack_pending;
    },
    close: () => {
      chunks.close();
      deliveries.close();
    },
  };
};
