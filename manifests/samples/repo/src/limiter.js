import { TokenBucket } from "./token-bucket.js";

/**
 * Creates a limiter with one bucket per caller. At most `maxCallers` buckets are held; when there are more, the full ones
 * are forgotten first, then the one that was used longest ago.
 */
export const createLimiter = ({ capacity, refillPerSecond, maxCallers = 10_000, now = Date.now }) => {
  const buckets = new Map();

  const forgetSome = () => {
    for (const [caller, bucket] of buckets) if (bucket.isFull()) buckets.delete(caller);
    if (buckets.size >= maxCallers) buckets.delete(buckets.keys().next().value);
  };

  const bucketOf = (caller) => {
    const known = buckets.get(caller);
    if (known !== undefined) {
      buckets.delete(caller);
      buckets.set(caller, known);
      return known;
    }
    if (buckets.size >= maxCallers) forgetSome();
    const bucket = new TokenBucket({ capacity, refillPerSecond, now });
    buckets.set(caller, bucket);
    return bucket;
  };

  return {
    /** Asks for one request of `caller`. */
    take: (caller) => bucketOf(caller).take(),
    /** How many callers are remembered. */
    size: () => buckets.size,
  };
};
