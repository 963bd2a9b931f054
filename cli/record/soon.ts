import type { Clock } from "#nervous-system/kernel/clock.ts";

/** Work that may wait for a moment: one after the other, and before anything that must come after it. */
export type Soon = {
  /** Takes work; what fails of it holds up nothing. */
  add(work: () => Promise<void>): void;
  /** Has it done at once, and resolves then; undefined where there is none. */
  settle(): Promise<void> | undefined;
  /** Does `next` behind all of it, and behind what came here before; at once where there is nothing. */
  behind<T>(next: () => Promise<T>): Promise<T>;
};

/** Creates it; work begins `ms` after it was added, at the latest. */
export const createSoon = (clock: Pick<Clock, "after">, ms: number): Soon => {
  const waiting = new Set<() => void>();
  let last: Promise<void> | undefined;
  const queue = (work: Promise<unknown>): void => {
    const done: Promise<void> = work.then(
      () => undefined,
      () => undefined,
    );
    last = done;
    void done.finally(() => {
      if (last === done) last = undefined;
    });
  };
  const settle = (): Promise<void> | undefined => {
    for (const begin of waiting) begin();
    return last;
  };
  return {
    add: (work) => {
      const time = Promise.withResolvers<void>();
      const begin = (): void => {
        cancel();
        waiting.delete(begin);
        time.resolve();
      };
      const cancel = clock.after(ms, begin);
      waiting.add(begin);
      const before = last;
      queue(time.promise.then(() => before).then(work));
    },
    settle,
    behind: async (next) => {
      const before = settle();
      if (before === undefined) return next();
      const begin = async () => {
        await before;
        return { result: next() };
      };
      const begun = begin();
      // Whoever comes while it waits is behind it; that it has begun is enough, as it is where nothing waits.
      queue(begun);
      return (await begun).result;
    },
  };
};
