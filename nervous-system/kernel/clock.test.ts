import { afterEach, describe, expect, it, jest } from "@jest/globals";
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
  afterEach(() => void jest.useRealTimers());

  it("waits as long as it is told, also longer than one of Node's timers can", () => {
    jest.useFakeTimers();
    const clock = systemClock();
    const longMs = 2 * 2 ** 31 + 5;
    let fired = 0;
    clock.after(longMs, () => (fired += 1));
    jest.advanceTimersByTime(longMs - 1);
    expect(fired).toBe(0);
    jest.advanceTimersByTime(1);
    expect(fired).toBe(1);
    const cancel = clock.after(longMs, () => (fired += 1));
    jest.advanceTimersByTime(2 ** 31);
    cancel();
    expect(jest.getTimerCount()).toBe(0);
  });

  it("follows the wall clock over a sleep of the machine and a step of its time, and never goes back", () => {
    const machine = { wall: 1_800_000_000_000, steady: 5_000_000n };
    const clock = systemClock({ wallMs: () => machine.wall, steadyNs: () => machine.steady });
    const pass = (ms: number): void => {
      machine.wall += ms;
      machine.steady += BigInt(ms) * 1_000_000n;
    };
    const wallNs = (): bigint => BigInt(machine.wall) * 1_000_000n;
    expect(clock.nowNs()).toBe(wallNs());
    machine.steady += 400_000n; // within one millisecond of the wall clock the steady one counts on
    expect(clock.nowNs()).toBe(wallNs() + 400_000n);
    machine.wall += 3_600_000; // suspended: the steady clock stood
    expect(clock.nowNs()).toBe(wallNs());
    pass(1000);
    const before = clock.nowNs();
    machine.wall -= 7_200_000; // set back
    expect(clock.nowNs()).toBe(before + 1n);
    pass(7_200_000 + 1000);
    expect(clock.nowNs()).toBe(wallNs());
  });

  it("never gives the same nanosecond twice", () => {
    const clock = systemClock();
    const times = Array.from({ length: 1000 }, () => clock.nowNs());
    expect(new Set(times).size).toBe(1000);
    expect(times).toEqual(times.toSorted((a, b) => (a < b ? -1 : 1)));
  });
});
