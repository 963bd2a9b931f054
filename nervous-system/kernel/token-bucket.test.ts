import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { manualClock } from "./clock.ts";
import { createPace } from "./token-bucket.ts";

describe("a pace", () => {
  it("lets a burst pass, then makes whoever keeps to it wait for what it spent", async () => {
    const clock = manualClock();
    const pace = createPace({ perSecond: 100, burst: 50 }, clock);
    expect(pace.spend(50)).toBe(0);
    expect(pace.spend(10)).toBe(100);
    await clock.advance(100);
    expect(pace.spend(1)).toBe(10);
    await clock.advance(10_000);
    expect(pace.spend(50)).toBe(0); // a long quiet time fills the burst, not more
    expect(pace.spend(1)).toBe(10);
  });

  it("never lets more pass than its rate and one burst, however it is spent", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 40 }), async (amounts) => {
        const clock = manualClock();
        const pace = createPace({ perSecond: 1000, burst: 200 }, clock);
        let spent = 0;
        for (const amount of amounts) {
          spent += amount;
          await clock.advance(pace.spend(amount));
        }
        expect(spent).toBeLessThanOrEqual(200 + clock.monotonicMs() + 1);
      }),
    );
  });
});
