import type { Clock } from "#nervous-system/kernel/clock.ts";

/** How much one caller may send. */
export type RateLimit = {
  readonly perSecond: number;
  /** How much at once after a quiet time. */
  readonly burst: number;
};

/** One token bucket a caller. */
export type RateLimiter = {
  /** Takes `amount` and answers 0, or takes nothing and answers how long to wait, milliseconds. */
  take(key: string, amount: number): number;
};

const MAX_KEYS = 10_000;

/** Creates full buckets; an amount larger than the burst passes when its bucket is full. */
export const createRateLimiter = (limit: RateLimit, clock: Pick<Clock, "monotonicMs">): RateLimiter => {
  const buckets = new Map<string, { level: number; atMs: number }>();
  return {
    take: (key, amount) => {
      const now = clock.monotonicMs();
      const { level, atMs } = buckets.get(key) ?? { level: limit.burst, atMs: now };
      const filled = Math.min(limit.burst, level + ((now - atMs) / 1000) * limit.perSecond);
      const missing = Math.min(amount, limit.burst) - filled;
      if (missing > 0) return Math.ceil((missing / limit.perSecond) * 1000);
      buckets.delete(key);
      buckets.set(key, { level: filled - amount, atMs: now });
      const [oldest] = buckets.keys();
      if (buckets.size > MAX_KEYS && oldest !== undefined) buckets.delete(oldest);
      return 0;
    },
  };
};
