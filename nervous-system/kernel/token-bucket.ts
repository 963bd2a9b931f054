import type { Clock } from "./clock.ts";

/** How much may pass: steadily, and at once after a quiet time. */
export type Rate = { readonly perSecond: number; readonly burst: number };

/** A token bucket: it fills at its rate up to its burst, and what passes takes from it. */
export type TokenBucket = {
  /** How long until `amount` may pass, milliseconds; more than the burst may when the bucket is full. */
  waitMs(amount: number): number;
  /** Counts what passes, there or not, and answers how long to wait before the next; 0 within the rate. */
  spend(amount: number): number;
  /** Spends `amount` and answers 0, or nothing and answers how long to wait, milliseconds. */
  take(amount: number): number;
};

/** Creates a full bucket. */
export const createTokenBucket = (rate: Rate, clock: Pick<Clock, "monotonicMs">): TokenBucket => {
  const { perSecond, burst } = rate;
  let level = burst;
  let atMs = clock.monotonicMs();
  const fill = (): void => {
    const now = clock.monotonicMs();
    level = Math.min(burst, level + ((now - atMs) * perSecond) / 1000);
    atMs = now;
  };
  const untilMs = (wanted: number): number => Math.max(0, Math.ceil(((wanted - level) * 1000) / perSecond));
  const spend = (amount: number): number => {
    fill();
    level -= amount;
    return untilMs(0);
  };
  const waitMs = (amount: number): number => {
    fill();
    return untilMs(Math.min(amount, burst));
  };
  return {
    waitMs,
    spend,
    take: (amount) => {
      const wait = waitMs(amount);
      if (wait === 0) spend(amount);
      return wait;
    },
  };
};

/** A bucket for each key. */
export type TokenBuckets = { of(key: string): TokenBucket; forget(key: string): void };

/** Creates buckets as they are asked for; of more than `maxKeys` the one asked for longest ago is forgotten, and is full again. */
export const createTokenBuckets = (rate: Rate, clock: Pick<Clock, "monotonicMs">, maxKeys: number): TokenBuckets => {
  const buckets = new Map<string, TokenBucket>();
  return {
    of: (key) => {
      const bucket = buckets.get(key) ?? createTokenBucket(rate, clock);
      buckets.delete(key);
      buckets.set(key, bucket);
      const [oldest] = buckets.keys();
      if (buckets.size > maxKeys && oldest !== undefined) buckets.delete(oldest);
      return bucket;
    },
    forget: (key) => void buckets.delete(key),
  };
};
