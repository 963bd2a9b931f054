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

/** Frames that are gathered before others may have the processor. */
const FRAMES_A_TURN = 512;

const bytesOf = (item: StreamItem): number =>
  item.kind === "frame" ? item.frame.bytes.length + item.frame.envelopeText.length : item.poison.bytes.length;

const placeOf = ({ item }: Delivered): number => placeOfItem(item);

/** Waits for company of the first item; counted from that, so that an idle stream waits for nothing. */
const lingering = (first: Promise<unknown>, lingerMs: number, clock: Pick<Clock, "after" | "sleep">) => {
  let cancel = (): void => {};
  const due = new Promise<void>((resolve) => {
    const begin = (): void => void (cancel = clock.after(lingerMs, resolve));
    void first.then(begin, () => resolve());
  });
  let turn: Promise<"due"> | undefined;
  const over = (): Promise<"due"> =>
    (turn ??= due.then(async () => {
      await clock.sleep(0);
      turn = undefined;
      return "due" as const;
    }));
  return {
    /** It is due and a turn of the processor went by: what was fetched by then goes along, however late its turn came. */
    over,
    cancel: () => cancel(),
  };
};

/**
 * Creates a gatherer. With `unsure`, the cut that may or may not be in the store, the first batch is exactly that
 * cut again, so that the store recognises it; what lies before it is in the store and skipped.
 */
export const createGatherer = (
  reader: Pick<DurableReader, "next">,
  limits: Pick<SinkLimits, "maxFrames" | "maxBytes" | "lingerMs">,
  options: { readonly clock: Pick<Clock, "after" | "sleep">; readonly unsure?: Cut | undefined },
): Gatherer => {
  const { clock } = options;
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
    const linger = lingering(peek(signal), limits.lingerMs, clock);
    while (items.length < limits.maxFrames && bytes < limits.maxBytes) {
      const delivered = items.length === 0 ? await peek(signal) : await Promise.race([peek(signal), linger.over()]);
      if (delivered === "due") break;
      begun = undefined;
      items.push(delivered);
      bytes += bytesOf(delivered.item);
      // What was fetched comes without a pause: the batch before it is on its way to its store meanwhile.
      if (items.length % FRAMES_A_TURN === 0) await clock.sleep(0, signal);
    }
    linger.cancel();
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
