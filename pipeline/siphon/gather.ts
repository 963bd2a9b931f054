import type { DurableReader } from "#nervous-system/comms/nats/durable-reader.ts";
import { placeOfItem, type StreamItem } from "#nervous-system/comms/nats/read-chunk.ts";
import type { Delivered } from "#nervous-system/comms/nats/stream-position.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Cut, SinkLimits } from "#pipeline/siphon/sink.ts";

/** Items of one batch, in order, and its cut. */
export type Gathered = {
  readonly items: readonly Delivered[];
  readonly cut: Cut;
  /** Place of the last item; less than the cut's end only where items of a repeated cut are no longer there. */
  readonly last: number;
};

/** Cuts the stream into batches. */
export type Gatherer = {
  /** The next batch; waits for its first frame. Rejects with the signal's reason, and as the reader does. */
  next(signal: AbortSignal): Promise<Gathered>;
};

const bytesOf = (item: StreamItem): number =>
  item.kind === "frame" ? item.frame.bytes.length + item.frame.envelopeText.length : item.poison.bytes.length;

const placeOf = ({ item }: Delivered): number => placeOfItem(item);

/**
 * Creates a gatherer. With `unsure`, the cut that may or may not be in the store, the first batch is exactly that
 * cut again, so that the store recognises it; what lies before it is in the store and skipped.
 */
export const createGatherer = (
  reader: Pick<DurableReader, "next">,
  limits: Pick<SinkLimits, "maxFrames" | "maxBytes" | "lingerMs">,
  options: { readonly clock: Pick<Clock, "after">; readonly unsure?: Cut | undefined },
): Gatherer => {
  let { unsure } = options;
  let begun: Promise<Delivered> | undefined;

  /** The next item without taking it, so that one which does not fit any more stays for the next batch. */
  const peek = (signal: AbortSignal): Promise<Delivered> => {
    begun ??= reader.next(signal).catch((error: unknown) => {
      begun = undefined;
      throw error;
    });
    return begun;
  };

  const repeat = async (cut: Cut, signal: AbortSignal): Promise<Gathered | undefined> => {
    const items: Delivered[] = [];
    let last = 0;
    while (last < cut.to) {
      const delivered = await peek(signal);
      if (placeOf(delivered) > cut.to) break;
      begun = undefined;
      last = placeOf(delivered);
      if (last >= cut.from) items.push(delivered);
    }
    return items.length === 0 ? undefined : { items, cut, last };
  };

  const gather = async (signal: AbortSignal): Promise<Gathered> => {
    const items: Delivered[] = [];
    let bytes = 0;
    let cancel = (): void => {};
    const due = new Promise<"due">((resolve) => {
      // Counted from the first frame: an idle stream waits for nothing.
      void peek(signal).then(
        () => (cancel = options.clock.after(limits.lingerMs, () => resolve("due"))),
        () => resolve("due"),
      );
    });
    while (items.length < limits.maxFrames && bytes < limits.maxBytes) {
      const delivered = items.length === 0 ? await peek(signal) : await Promise.race([peek(signal), due]);
      if (delivered === "due") break;
      begun = undefined;
      items.push(delivered);
      bytes += bytesOf(delivered.item);
    }
    cancel();
    const [first, last] = [items[0], items.at(-1)];
    if (first === undefined || last === undefined) throw signal.reason;
    const { stream, hash } = last.mark;
    return { items, cut: { stream, from: placeOf(first), to: placeOf(last), hash }, last: placeOf(last) };
  };

  return {
    next: async (signal) => {
      const cut = unsure;
      unsure = undefined;
      const again = cut && (await repeat(cut, signal));
      return again ?? gather(signal);
    },
  };
};
