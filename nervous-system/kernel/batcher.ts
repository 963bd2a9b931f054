import type { Clock } from "#nervous-system/kernel/clock.ts";

/** When a batch is full or due, and what to do with it. */
export type BatcherOptions<T, R> = {
  maxItems: number;
  maxBytes: number;
  /**
   * How long an item may wait for company, in milliseconds. 0 is group commit: a batch leaves as soon as the one before
   * it is flushed and takes everything that came meanwhile.
   */
  maxWaitMs: number;
  bytesOf: (item: T) => number;
  /** Called with one batch at a time, in order. What it answers, or throws, goes to every item of the batch. */
  flush: (items: readonly T[]) => Promise<R>;
  clock: Pick<Clock, "after">;
};

/** Collects items and flushes them in groups, one group at a time, in the order in which they were added. */
export type Batcher<T, R> = {
  /** Resolves with its batch's result once flushed; rejects with the flush's error, or when the batcher is closed. */
  add(item: T): Promise<R>;
  /** Flushes what waits without waiting for company; resolves when all of it is flushed or has failed. */
  drain(): Promise<void>;
  /** Refuses new items, then drains. */
  close(): Promise<void>;
  /** Bytes added and not yet flushed: what a caller bounds to push back on its own source. */
  pendingBytes(): number;
};

type Entry<T, R> = {
  item: T;
  bytes: number;
  resolve: (result: R) => void;
  reject: (error: unknown) => void;
};

const batchLength = <T, R>(entries: readonly Entry<T, R>[], maxItems: number, maxBytes: number): number => {
  let bytes = 0;
  let count = 0;
  for (const entry of entries) {
    bytes += entry.bytes;
    // An item larger than a whole batch still travels, alone.
    if (count > 0 && (count === maxItems || bytes > maxBytes)) break;
    count += 1;
  }
  return count;
};

const settleBatch = async <T, R>(
  batch: readonly Entry<T, R>[],
  flush: BatcherOptions<T, R>["flush"],
): Promise<void> => {
  try {
    const result = await flush(batch.map((entry) => entry.item));
    for (const entry of batch) entry.resolve(result);
  } catch (error) {
    for (const entry of batch) entry.reject(error);
  }
};

const closedError = (): Error => new Error("the batcher is closed: its owner is stopping");

/** Creates an empty batcher. */
export const createBatcher = <T, R = void>(options: BatcherOptions<T, R>): Batcher<T, R> => {
  const { maxItems, maxBytes, maxWaitMs } = options;
  let waiting: Entry<T, R>[] = [];
  let waitingBytes = 0;
  let flushingBytes = 0;
  let running: Promise<void> | undefined;
  let cancelTimer: (() => void) | undefined;
  let due = false;
  let closed = false;

  const takeBatch = (): Entry<T, R>[] => {
    const batch = waiting.splice(0, batchLength(waiting, maxItems, maxBytes));
    flushingBytes = batch.reduce((sum, entry) => sum + entry.bytes, 0);
    waitingBytes -= flushingBytes;
    // What is left over has waited behind a full batch; it does not wait a second time.
    due = waiting.length > 0;
    cancelTimer?.();
    cancelTimer = undefined;
    return batch;
  };
  const isDue = (): boolean =>
    waiting.length > 0 && (due || maxWaitMs === 0 || waiting.length >= maxItems || waitingBytes >= maxBytes);
  const run = async (): Promise<void> => {
    // One turn of the microtask queue: everything added by the code that runs now shares the first batch.
    await Promise.resolve();
    while (isDue()) await settleBatch(takeBatch(), options.flush).then(() => (flushingBytes = 0));
    running = undefined;
  };
  const kick = (): void => {
    if (isDue()) running ??= run();
    else if (waiting.length > 0) {
      cancelTimer ??= options.clock.after(maxWaitMs, () => {
        cancelTimer = undefined;
        due = true;
        kick();
      });
    }
  };
  const drain = async (): Promise<void> => {
    if (waiting.length === 0 && !running) return;
    due = waiting.length > 0;
    kick();
    await running;
    return drain();
  };
  return {
    add: (item) => {
      if (closed) return Promise.reject(closedError());
      const { promise, resolve, reject } = Promise.withResolvers<R>();
      const bytes = options.bytesOf(item);
      waiting.push({ item, bytes, resolve, reject });
      waitingBytes += bytes;
      kick();
      return promise;
    },
    drain,
    close: () => {
      closed = true;
      return drain();
    },
    pendingBytes: () => waitingBytes + flushingBytes,
  };
};
