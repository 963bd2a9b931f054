import type { Clock } from "#nervous-system/kernel/clock.ts";
import { createTokenBucket, createTokenBuckets, type Rate } from "#nervous-system/kernel/token-bucket.ts";

/** Who may write now: one bucket for each object, and one that all objects share. */
export type Pace = {
  /** Takes a write for the object and answers 0, or takes nothing and answers how long to wait, in milliseconds. */
  take(uid: string): number;
  /** The object is gone. */
  forget(uid: string): void;
};

/** Writes of one object, and of all of them together. */
type PaceLimits = { perObject: Rate; shared: Rate };

/** Activity (usage, `Doing`, positions): one write in 10 s an object, 20 a second together. */
export const activityLimits: PaceLimits = {
  perObject: { perSecond: 0.1, burst: 1 },
  shared: { perSecond: 20, burst: 20 },
};

/** Conditions that may flap: a life as it should be never waits, a flapping object writes 6 times a minute. */
export const flapLimits: PaceLimits = {
  perObject: { perSecond: 0.1, burst: 8 },
  shared: { perSecond: 1_000, burst: 1_000 },
};

/** Creates full buckets; memory is held for objects that wrote and were not forgotten. */
export const createPace = (clock: Pick<Clock, "monotonicMs">, limits: PaceLimits): Pace => {
  const objects = createTokenBuckets(limits.perObject, clock, Infinity);
  const shared = createTokenBucket(limits.shared, clock);
  return {
    take: (uid) => {
      const waitMs = Math.max(objects.of(uid).waitMs(1), shared.waitMs(1));
      if (waitMs === 0) for (const bucket of [objects.of(uid), shared]) bucket.spend(1);
      return waitMs;
    },
    forget: (uid) => objects.forget(uid),
  };
};
