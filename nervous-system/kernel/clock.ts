/** The time and timers of a component, injected so that tests own them. */
export type Clock = {
  /** Wall time, milliseconds since the Unix epoch. */
  now(): number;
  /** Wall time, nanoseconds since the Unix epoch; strictly increasing within one process. */
  nowNs(): bigint;
  /** Monotonic time in milliseconds, from an arbitrary origin: the only one to measure durations and leases by. */
  monotonicMs(): number;
  /** Resolves after `ms`, or rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `run` once after `ms`; the answer cancels it. */
  after(ms: number, run: () => void): () => void;
};

const sleepOn = (clock: Pick<Clock, "after">, ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });

// Node fires a timer of more at once.
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What a machine tells of time: the wall clock's milliseconds, and nanoseconds that nobody sets. */
type Machine = { readonly wallMs: () => number; readonly steadyNs: () => bigint };

const thisMachine: Machine = { wallMs: () => Date.now(), steadyNs: () => process.hrtime.bigint() };

// The wall clock's own grain is 1 ms; more than this it was set, or the machine slept while the steady one stood.
const MAX_DRIFT_MS = 10;

/**
 * Nanoseconds of the wall clock, counted on by the steady one and taken anew wherever the two part; never the same twice and
 * never less than before.
 */
const wallNanoseconds = ({ wallMs, steadyNs }: Machine): (() => bigint) => {
  const anchor = (): bigint => BigInt(wallMs()) * 1_000_000n - steadyNs();
  let originNs = anchor();
  let last = 0n;
  return () => {
    let wall = originNs + steadyNs();
    if (Math.abs(Number(wall / 1_000_000n) - wallMs()) > MAX_DRIFT_MS) {
      originNs = anchor();
      wall = originNs + steadyNs();
    }
    last = wall > last ? wall : last + 1n;
    return last;
  };
};

/** The machine's clock. */
export const systemClock = (machine: Machine = thisMachine): Clock => {
  const clock: Clock = {
    now: () => machine.wallMs(),
    nowNs: wallNanoseconds(machine),
    monotonicMs: () => performance.now(),
    after: (ms, run) => {
      let timer: NodeJS.Timeout;
      const wait = (leftMs: number): void => {
        timer =
          leftMs > MAX_TIMER_MS ? setTimeout(() => wait(leftMs - MAX_TIMER_MS), MAX_TIMER_MS) : setTimeout(run, leftMs);
      };
      wait(ms);
      return () => clearTimeout(timer);
    },
    sleep: (ms, signal) => sleepOn(clock, ms, signal),
  };
  return clock;
};

/** A clock that a test moves by hand; timers fire, in order of their time, inside `advance`. */
export type ManualClock = Clock & {
  /** Moves time forward by `ms` and lets every promise that became ready run. */
  advance(ms: number): Promise<void>;
  /** How many timers wait. */
  pending(): number;
};

const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
};

/** Creates a clock standing at `startMs` (Unix milliseconds). @internal Time in tests. */
export const manualClock = (startMs = 1_700_000_000_000): ManualClock => {
  let time = startMs;
  let lastNs = 0n;
  let nextId = 0;
  const timers = new Map<number, { at: number; run: () => void }>();
  const earliest = (limit: number): number | undefined => {
    let found: number | undefined;
    for (const [id, timer] of timers) {
      const best = found === undefined ? undefined : timers.get(found);
      if (timer.at <= limit && (best === undefined || timer.at < best.at)) found = id;
    }
    return found;
  };
  const clock: ManualClock = {
    now: () => time,
    nowNs: () => {
      const wall = BigInt(time) * 1_000_000n;
      lastNs = wall > lastNs ? wall : lastNs + 1n;
      return lastNs;
    },
    monotonicMs: () => time - startMs,
    after: (ms, run) => {
      const id = nextId++;
      timers.set(id, { at: time + ms, run });
      return () => timers.delete(id);
    },
    sleep: (ms, signal) => sleepOn(clock, ms, signal),
    advance: async (ms) => {
      const target = time + ms;
      await settle();
      for (let id = earliest(target); id !== undefined; id = earliest(target)) {
        const timer = timers.get(id);
        timers.delete(id);
        if (timer === undefined) continue;
        time = Math.max(time, timer.at);
        timer.run();
        await settle();
      }
      time = target;
    },
    pending: () => timers.size,
  };
  return clock;
};
