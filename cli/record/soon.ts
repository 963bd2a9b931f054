import type { Clock } from "#nervous-system/kernel/clock.ts";

/** Work that may wait for a moment: one after the other, and before anything that must come after it. */
export type Soon = {
  /** Takes work, which never rejects. */
  add(work: () => Promise<void>): void;
  /** Has it done at once, and resolves then; undefined where there is none. */
  settle(): Promise<void> | undefined;
};

/** Creates it; work begins `ms` after it was added, at the latest. */
export const createSoon = (clock: Pick<Clock, "after">, ms: number): Soon => {
  const waiting = new Set<() => void>();
  let last: Promise<void> | undefined;
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
      const done = time.promise
        .then(() => before)
        .then(work)
        .finally(() => {
          if (last === done) last = undefined;
        });
      last = done;
    },
    settle: () => {
      for (const begin of waiting) begin();
      return last;
    },
  };
};
