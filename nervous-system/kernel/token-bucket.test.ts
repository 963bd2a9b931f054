import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { manualClock } from "./clock.ts";
import { createTokenBucket, createTokenBuckets } from "./token-bucket.ts";

describe("a token bucket that is spent", () => {
  it("lets a burst pass, then makes whoever keeps to it wait for what it spent", async () => {
    const clock = manualClock();
    const bucket = createTokenBucket({ perSecond: 100, burst: 50 }, clock);
    expect(bucket.spend(50)).toBe(0);
    expect(bucket.spend(10)).toBe(100);
    await clock.advance(100);
    expect(bucket.spend(1)).toBe(10);
    await clock.advance(10_000);
    expect(bucket.spend(50)).toBe(0); // a long quiet time fills the burst, not more
    expect(bucket.spend(1)).toBe(10);
  });

  it("never lets more pass than its rate and one burst, however it is spent", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 40 }), async (amounts) => {
        const clock = manualClock();
        const bucket = createTokenBucket({ perSecond: 1000, burst: 200 }, clock);
        let spent = 0;
        for (const amount of amounts) {
          spent += amount;
          await clock.advance(bucket.spend(amount));
        }
        expect(spent).toBeLessThanOrEqual(200 + clock.monotonicMs() + 1);
      }),
    );
  });
});

describe("token buckets that are taken from", () => {
  it("let a burst through, then as much as flows in, a key at a time", async () => {
    const clock = manualClock();
    const buckets = createTokenBuckets({ perSecond: 100, burst: 200 }, clock, 10);
    expect(buckets.of("a").take(200)).toBe(0);
    expect(buckets.of("a").take(50)).toBe(500);
    expect(buckets.of("b").take(200)).toBe(0);
    await clock.advance(500);
    expect(buckets.of("a").take(50)).toBe(0);
    expect(buckets.of("a").take(1)).toBe(10);
  });

  it("let what is larger than the burst through when full, and make whoever sent it pay for it", async () => {
    const clock = manualClock();
    const bucket = createTokenBucket({ perSecond: 100, burst: 200 }, clock);
    expect(bucket.take(500)).toBe(0);
    expect(bucket.take(1)).toBe(3010);
    await clock.advance(3010);
    expect(bucket.take(1)).toBe(0);
  });

  it("take nothing when they refuse, so that asking in vain costs nothing", async () => {
    const clock = manualClock();
    const bucket = createTokenBucket({ perSecond: 10, burst: 1 }, clock);
    expect([bucket.take(1), bucket.take(1), bucket.waitMs(1), bucket.take(1)]).toEqual([0, 100, 100, 100]);
    await clock.advance(100);
    expect(bucket.take(1)).toBe(0);
  });

  it("forget keys that are gone, and the ones asked for longest ago where there are too many", () => {
    const buckets = createTokenBuckets({ perSecond: 1, burst: 1 }, manualClock(), 2);
    for (const key of ["a", "b", "a", "c"]) buckets.of(key).take(1);
    expect(buckets.of("a").take(1)).toBe(1000);
    expect(buckets.of("b").take(1)).toBe(0);
    buckets.forget("b");
    expect(buckets.of("b").take(1)).toBe(0);
  });
});
