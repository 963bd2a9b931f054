import { describe, expect, it } from "@jest/globals";
import * as fc from "fast-check";
import { createKeyedBackoff, fullJitterMs } from "#nervous-system/kernel/backoff.ts";

const almostOne = (): number => 1 - Number.EPSILON;

describe("full jitter", () => {
  it("doubles its upper bound per attempt up to the cap", () => {
    const bounds = [0, 1, 2, 3, 4].map((n) =>
      Math.round(fullJitterMs(n, { baseMs: 100, capMs: 1000, random: almostOne })),
    );
    expect(bounds).toEqual([100, 200, 400, 800, 1000]);
  });

  it("stays within [0, cap] for every attempt, base and jitter", () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.integer({ min: 1, max: 10_000 }),
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempt, baseMs, capMs, jitter) => {
          const delay = fullJitterMs(attempt, { baseMs, capMs, random: () => jitter });
          expect(delay).toBeGreaterThanOrEqual(0);
          expect(delay).toBeLessThanOrEqual(capMs);
        },
      ),
    );
  });
});

describe("keyed backoff", () => {
  it("counts each key by itself and starts again after forget", () => {
    const backoff = createKeyedBackoff<string>({ baseMs: 10, capMs: 1000, random: almostOne });
    expect(Math.round(backoff.next("a"))).toBe(10);
    expect(Math.round(backoff.next("a"))).toBe(20);
    expect(Math.round(backoff.next("b"))).toBe(10);
    expect(backoff.failures("a")).toBe(2);
    backoff.forget("a");
    expect(backoff.failures("a")).toBe(0);
    expect(Math.round(backoff.next("a"))).toBe(10);
  });
});
