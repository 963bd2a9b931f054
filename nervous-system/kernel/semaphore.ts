/** Bounds what is at work at once: calls, bytes or any other weight. What is heavier than the whole is let in alone. */
export type Semaphore = {
  /** Takes `weight`, or nothing and answers false where it is not there. */
  tryAcquire(weight: number): boolean;
  /** Takes `weight` when it is there, in the order of asking. */
  acquire(weight: number): Promise<void>;
  /** Takes `weight` whether it is there or not, for what is in memory already. */
  force(weight: number): void;
  release(weight: number): void;
  /** Whether more is taken than there is; `acquire(0)` then waits until it is not. */
  isOverdrawn(): boolean;
  /** Does `work` in its turn. */
  run<T>(weight: number, work: () => Promise<T>): Promise<T>;
};

/** The one rule of both kinds. */
const fits = (held: number, weight: number, total: number): boolean => held === 0 || held + weight <= total;

/** Creates a semaphore that nobody holds. */
export const createSemaphore = (total: number): Semaphore => {
  const waiting: Array<{ readonly weight: number; readonly enter: () => void }> = [];
  let held = 0;
  const tryAcquire = (weight: number): boolean => {
    if (!fits(held, weight, total)) return false;
    held += weight;
    return true;
  };
  const acquire = (weight: number): Promise<void> =>
    waiting.length === 0 && tryAcquire(weight)
      ? Promise.resolve()
      : new Promise((enter) => void waiting.push({ weight, enter }));
  const release = (weight: number): void => {
    held -= weight;
    for (let [first] = waiting; first !== undefined && tryAcquire(first.weight); [first] = waiting) {
      waiting.shift();
      first.enter();
    }
  };
  return {
    tryAcquire,
    acquire,
    force: (weight) => {
      held += weight;
    },
    release,
    isOverdrawn: () => held > total,
    run: async (weight, work) => {
      await acquire(weight);
      try {
        return await work();
      } finally {
        release(weight);
      }
    },
  };
};

/** The same bound for each of many holders. */
export type KeyedSemaphore = {
  tryAcquire(key: string, weight: number): boolean;
  release(key: string, weight: number): void;
};

/** Creates one that nobody holds; only who holds something takes memory. */
export const createKeyedSemaphore = (total: number): KeyedSemaphore => {
  const holders = new Map<string, number>();
  return {
    tryAcquire: (key, weight) => {
      const held = holders.get(key) ?? 0;
      if (!fits(held, weight, total)) return false;
      holders.set(key, held + weight);
      return true;
    },
    release: (key, weight) => {
      const left = (holders.get(key) ?? 0) - weight;
      if (left > 0) holders.set(key, left);
      else holders.delete(key);
    },
  };
};
