import { describe, expect, it } from "@jest/globals";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import { activityLimits, createPace, flapLimits } from "./pace.ts";

describe("pace", () => {
  it("lets one object write its activity once in ten seconds", async () => {
    const clock = manualClock();
    const pace = createPace(clock, activityLimits);
    expect(pace.take("a")).toBe(0);
    await clock.advance(4_000);
    expect(pace.take("a")).toBe(6_000);
    await clock.advance(6_000);
    expect(pace.take("a")).toBe(0);
  });

  it("lets all objects together write twenty times a second", async () => {
    const clock = manualClock();
    const pace = createPace(clock, activityLimits);
    const round = (n: number): number =>
      Array.from({ length: 100 }, (_, i) => pace.take(`${n}-${i}`)).filter((waitMs) => waitMs === 0).length;
    expect(round(1)).toBe(20);
    await clock.advance(1_000);
    expect(round(2)).toBe(20);
  });

  it("bounds an object that flaps, and never holds one back that lives as it should", async () => {
    const clock = manualClock();
    const pace = createPace(clock, flapLimits);
    let written = 0;
    for (let i = 0; i < 10_000; i += 1) {
      if (pace.take("flapping") === 0) written += 1;
      await clock.advance(10);
    }
    expect(written).toBe(8 + 9);
    expect(pace.take("calm")).toBe(0);
  });

  it("forgets objects that are gone", () => {
    const pace = createPace(manualClock(), activityLimits);
    pace.take("a");
    pace.forget("a");
    expect(pace.take("a")).toBe(0);
  });
});
