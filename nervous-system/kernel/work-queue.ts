import type { KeyedBackoff } from "#nervous-system/kernel/backoff.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";

/** Moments of a queue's life that metrics want to see; durations in milliseconds. */
export type WorkQueueHooks = {
  added(): void;
  taken(waitedMs: number): void;
  finished(workedMs: number): void;
  retried(): void;
};

/** What a work queue is made of. */
export type WorkQueueOptions<K> = {
  clock: Pick<Clock, "monotonicMs" | "after">;
  backoff: KeyedBackoff<K>;
  hooks?: WorkQueueHooks;
};

/** How to end: `drain` hands out what is queued, `drop` forgets it (a level-based controller reads it again at its next start). */
type ShutDownMode = "drain" | "drop";

/**
 * A queue of keys with client-go's guarantees: a key is queued at most once, worked on by at most one worker, and a key
 * added while it is worked on is worked on again afterwards.
 */
export type WorkQueue<K> = {
  /** Queues the key, unless it is queued already. Ignored after shut-down. */
  add: (key: K) => void;
  /** Queues the key after `ms`; of two waits for one key the earlier counts. */
  addAfter(key: K, ms: number): void;
  /** Queues the key after its backoff, which grows until `forget`. */
  addRateLimited(key: K): void;
  /** Ends the key's backoff. */
  forget(key: K): void;
  /** The next key, oldest first; `undefined` means that the queue has shut down and the worker should end. */
  get(): Promise<K | undefined>;
  /** Must be called once for each key that `get` answered. */
  done(key: K): void;
  /** Refuses new keys and cancels delayed ones; resolves when nothing is worked on (and, draining, nothing queued). */
  shutDown(mode: ShutDownMode): Promise<void>;
  /** Keys ready and not yet taken. */
  depth(): number;
  /** For how long each key now worked on has been, in milliseconds. */
  runningMs(): readonly number[];
};

type Fifo<K> = { push(key: K): void; shift(): K | undefined; size(): number; clear(): void };

// Array.shift moves every element; a head index makes a queue of 100,000 keys as fast as one of ten.
const createFifo = <K>(): Fifo<K> => {
  let items: K[] = [];
  let head = 0;
  return {
    push: (key) => void items.push(key),
    shift: () => {
      if (head === items.length) return undefined;
      const key = items[head++];
      if (head * 2 > items.length && head > 1024) {
        items = items.slice(head);
        head = 0;
      }
      return key;
    },
    size: () => items.length - head,
    clear: () => {
      items = [];
      head = 0;
    },
  };
};

type Delayed<K> = { schedule(key: K, ms: number): void; cancelAll(): void };

const createDelayed = <K>(clock: WorkQueueOptions<K>["clock"], ripe: (key: K) => void): Delayed<K> => {
  const waits = new Map<K, { dueMs: number; cancel: () => void }>();
  return {
    schedule: (key, ms) => {
      const dueMs = clock.monotonicMs() + ms;
      const earlier = waits.get(key);
      if (earlier && earlier.dueMs <= dueMs) return;
      earlier?.cancel();
      const cancel = clock.after(ms, () => {
        waits.delete(key);
        ripe(key);
      });
      waits.set(key, { dueMs, cancel });
    },
    cancelAll: () => {
      for (const wait of waits.values()) wait.cancel();
      waits.clear();
    },
  };
};

type Turns<K> = Pick<WorkQueue<K>, "add" | "get" | "done" | "depth" | "runningMs"> & {
  /** Refuses new keys; resolves when nothing is left. */
  close: (mode: ShutDownMode) => Promise<void>;
};

const agesMs = (now: number, starts: Iterable<number>): number[] => [...starts].map((since) => now - since);

/*
 *            add                     get                     done
 *  (absent) ─────> queued + dirty ─────────> at work ──────────────────> (absent)
 *                       ^                      │ add: dirty again
 *                       └──────────────────────┘ done while dirty: to the tail, so no key starves the others
 */
const createTurns = <K>(clock: Pick<Clock, "monotonicMs">, hooks?: WorkQueueHooks): Turns<K> => {
  const ready = createFifo<K>();
  const dirtySince = new Map<K, number>();
  const atWorkSince = new Map<K, number>();
  const idleWorkers = createFifo<(key: K | undefined) => void>();
  const drained = Promise.withResolvers<void>();
  let closing = false;

  const take = (): K | undefined => {
    const key = ready.shift();
    if (key === undefined) return undefined;
    const now = clock.monotonicMs();
    hooks?.taken(now - (dirtySince.get(key) ?? now));
    dirtySince.delete(key);
    atWorkSince.set(key, now);
    return key;
  };
  const enqueue = (key: K): void => {
    ready.push(key);
    idleWorkers.shift()?.(take());
  };
  const endIfDrained = (): void => {
    if (!closing || ready.size() > 0) return;
    for (let worker = idleWorkers.shift(); worker; worker = idleWorkers.shift()) worker(undefined);
    if (atWorkSince.size === 0) drained.resolve();
  };
  return {
    add: (key) => {
      if (closing || dirtySince.has(key)) return;
      dirtySince.set(key, clock.monotonicMs());
      hooks?.added();
      if (!atWorkSince.has(key)) enqueue(key);
    },
    get: () => {
      const key = take();
      if (key !== undefined || closing) return Promise.resolve(key);
      return new Promise((resolve) => idleWorkers.push(resolve));
    },
    done: (key) => {
      const since = atWorkSince.get(key);
      if (since === undefined) return;
      atWorkSince.delete(key);
      hooks?.finished(clock.monotonicMs() - since);
      if (dirtySince.has(key)) enqueue(key);
      endIfDrained();
    },
    close: (mode) => {
      closing = true;
      if (mode === "drop") {
        ready.clear();
        dirtySince.clear();
      }
      endIfDrained();
      return drained.promise;
    },
    depth: () => ready.size(),
    runningMs: () => agesMs(clock.monotonicMs(), atWorkSince.values()),
  };
};

/** Creates an empty queue. */
export const createWorkQueue = <K>(options: WorkQueueOptions<K>): WorkQueue<K> => {
  const { clock, backoff, hooks } = options;
  const { close, ...turns } = createTurns<K>(clock, hooks);
  const delayed = createDelayed<K>(clock, turns.add);
  let closing = false;
  const addAfter = (key: K, ms: number): void => {
    if (closing) return;
    if (ms <= 0) turns.add(key);
    else delayed.schedule(key, ms);
  };
  return {
    ...turns,
    addAfter,
    addRateLimited: (key) => {
      hooks?.retried();
      addAfter(key, backoff.next(key));
    },
    forget: (key) => backoff.forget(key),
    shutDown: (mode) => {
      closing = true;
      delayed.cancelAll();
      return close(mode);
    },
  };
};
