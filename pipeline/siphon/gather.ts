import type { DurableReader } from "#nervous-system/comms/nats/durable-reader.ts";
import type { StreamItem } from "#nervous-system/comms/nats/stored-frame.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Cut } from "#pipeline/siphon/sink.ts";

/** When a batch is full or due. */
export type GatherLimits = {
  readonly maxMessages: number;
  readonly maxBytes: number;
  /** How long the first message waits for company, milliseconds. */
  readonly lingerMs: number;
};

/** Messages of one batch, in order, and the bounds of its cut. */
export type Gathered = {
  readonly items: readonly StreamItem[];
  readonly from: number;
  readonly to: number;
  /** Sequence of the last message; less than `to` only where messages of a repeated cut are no longer there. */
  readonly last: number;
};

/** Cuts the stream into batches. */
export type Gatherer = {
  /** The next batch; waits for its first message. Rejects with the signal's reason. */
  next(signal: AbortSignal): Promise<Gathered>;
};

const seqOf = (item: StreamItem): number => (item.kind === "frame" ? item.frame.streamSeq : item.poison.streamSeq);

const bytesOf = (item: StreamItem): number =>
  item.kind === "frame" ? item.frame.bytes.length + item.frame.envelopeText.length : item.poison.bytes.length;

/**
 * Creates a gatherer. With `unsure`, the cut that may or may not be in the store, the first batch is exactly that
 * cut again, so that the store recognises it; what lies before it is in the store and skipped.
 */
export const createGatherer = (
  reader: Pick<DurableReader, "next">,
  limits: GatherLimits,
  options: { readonly clock: Pick<Clock, "after">; readonly unsure?: Cut | undefined },
): Gatherer => {
  let { unsure } = options;
  let begun: Promise<StreamItem> | undefined;

  /** The next message without taking it, so that one which does not fit any more stays for the next batch. */
  const peek = (signal: AbortSignal): Promise<StreamItem> => {
    begun ??= reader.next(signal).catch((error: unknown) => {
      begun = undefined;
      throw error;
    });
    return begun;
  };

  const repeat = async ({ from, to }: Cut, signal: AbortSignal): Promise<Gathered | undefined> => {
    const items: StreamItem[] = [];
    let last = 0;
    while (last < to) {
      const item = await peek(signal);
      if (seqOf(item) > to) break;
      begun = undefined;
      last = seqOf(item);
      if (last >= from) items.push(item);
    }
    return items.length === 0 ? undefined : { items, from, to, last };
  };

  const gather = async (signal: AbortSignal): Promise<Gathered> => {
    const items: StreamItem[] = [];
    let bytes = 0;
    let cancel = (): void => {};
    const due = new Promise<"due">((resolve) => {
      // Counted from the first message: an idle stream waits for nothing.
      void peek(signal).then(
        () => (cancel = options.clock.after(limits.lingerMs, () => resolve("due"))),
        () => resolve("due"),
      );
    });
    while (items.length < limits.maxMessages && bytes < limits.maxBytes) {
      const item = items.length === 0 ? await peek(signal) : await Promise.race([peek(signal), due]);
      if (item === "due") break;
      begun = undefined;
      items.push(item);
      bytes += bytesOf(item);
    }
    cancel();
    const [first, last] = [items[0], items.at(-1)];
    if (first === undefined || last === undefined) throw signal.reason;
    return { items, from: seqOf(first), to: seqOf(last), last: seqOf(last) };
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
