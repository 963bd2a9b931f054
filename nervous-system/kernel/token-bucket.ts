import type { Clock } from "./clock.ts";

/** How much may pass: steadily, and at once after a quiet time. */
export type PaceLimit = { readonly perSecond: number; readonly burst: number };

/** A pace that is kept by waiting after what has passed, never by refusing it. */
export type Pace = {
  /** Counts what has passed and answers how long to wait before the next, milliseconds; 0 within the limit. */
  spend(amount: number): number;
};

/** Creates a pace that begins with its whole burst. */
export const createPace = ({ perSecond, burst }: PaceLimit, clock: Pick<Clock, "monotonicMs">): Pace => {
  let level = burst;
  let atMs = clock.monotonicMs();
  return {
    spend: (amount) => {
      const now = clock.monotonicMs();
      level = Math.min(burst, level + ((now - atMs) / 1000) * perSecond) - amount;
      atMs = now;
      return level >= 0 ? 0 : Math.ceil((-level / perSecond) * 1000);
    },
  };
};
