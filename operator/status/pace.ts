import type { Clock } from "#nervous-system/kernel/clock.ts";

/** Who may write now: one bucket for each object, and one that all objects share. */
export type Pace = {
  /** Takes a write for the object and answers 0, or takes nothing and answers how long to wait, in milliseconds. */
  take(uid: string): number;
  /** The object is gone. */
  forget(uid: string): void;
};

/** A bucket of `burst` writes, one of which comes back every `everyMs` milliseconds. */
export type Bucket = { burst: number; everyMs: number };

/** The buckets of a pace. */
export type PaceLimits = { perObject: Bucket; shared: Bucket };

/** Activity (usage, `Doing`, positions): one write in 10 s an object, 20 a second together. */
export const activityLimits: PaceLimits = {
  perObject: { burst: 1, everyMs: 10_000 },
  shared: { burst: 20, everyMs: 50 },
};

/** Conditions that may flap: a life as it should be never waits, a flapping object writes 6 times a minute. */
export const flapLimits: PaceLimits = {
  perObject: { burst: 8, everyMs: 10_000 },
  shared: { burst: 1_000, everyMs: 1 },
};

type Level = { tokens: number; atMs: number };

const refilled = (level: Level | undefined, { burst, everyMs }: Bucket, nowMs: number): Level =>
  level === undefined
    ? { tokens: burst, atMs: nowMs }
    : { tokens: Math.min(burst, level.tokens + (nowMs - level.atMs) / everyMs), atMs: nowMs };

const missingMs = ({ tokens }: Level, { everyMs }: Bucket): number =>
  tokens >= 1 ? 0 : Math.ceil((1 - tokens) * everyMs);

/** Creates full buckets; memory is held for objects that wrote and were not forgotten. */
export const createPace = (clock: Pick<Clock, "monotonicMs">, limits: PaceLimits): Pace => {
  const levels = new Map<string, Level>();
  let shared: Level | undefined;
  return {
    take: (uid) => {
      const nowMs = clock.monotonicMs();
      const own = refilled(levels.get(uid), limits.perObject, nowMs);
      shared = refilled(shared, limits.shared, nowMs);
      const waitMs = Math.max(missingMs(own, limits.perObject), missingMs(shared, limits.shared));
      if (waitMs > 0) return waitMs;
      levels.set(uid, { tokens: own.tokens - 1, atMs: nowMs });
      shared = { tokens: shared.tokens - 1, atMs: nowMs };
      return 0;
    },
    forget: (uid) => void levels.delete(uid),
  };
};
