import { describe, expect, it } from "@jest/globals";
import { manualClock, systemClock } from "#nervous-system/kernel/clock.ts";

describe("manual clock", () => {
  it("fires timers in order of their time, seeing the time they were due", async () => {
    const clock = manualClock(1000);
    const seen: Array<[string, number]> = [];
    clock.after(20, () => seen.push(["late", clock.now()]));
    clock.after(10, () => seen.push(["early", clock.now()]));
    await clock.advance(30);
    expect(seen).toEqual([
      ["early", 1010],
      ["late", 1020],
    ]);
    expect(clock.now()).toBe(1030);
  });

  it("does not fire a cancelled timer", async () => {
    const clock = manualClock();
    let fired = false;
    clock.after(5, () => (fired = true))();
    await clock.advance(10);
    expect(fired).toBe(false);
  });

  it("rejects a sleep with the signal's reason and leaves no timer", async () => {
    const clock = manualClock();
    const abort = new AbortController();
    const slept = clock.sleep(1000, abort.signal);
    abort.abort("enough");
    await expect(slept).rejects.toBe("enough");
    expect(clock.pending()).toBe(0);
  });
});

describe("system clock", () => {
  it("never gives the same nanosecond twice", () => {
    const clock = systemClock();
    const times = Array.from({ length: 1000 }, () => clock.nowNs());
    expect(new Set(times).size).toBe(1000);
    expect(times).toEqual(times.toSorted((a, b) => (a < b ? -1 : 1)));
  });
});
