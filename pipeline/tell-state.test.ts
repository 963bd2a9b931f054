import { describe, expect, it } from "@jest/globals";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { tellState } from "#pipeline/tell-state.ts";

const setUp = () => {
  const clock = manualClock();
  const stopping = new AbortController();
  const told: number[] = [];
  const nats = { isAway: false };
  const tell = async (): Promise<void> => {
    told.push(clock.now());
    if (nats.isAway) throw new Error("NATS is away");
  };
  const telling = tellState({ tell, clock, log: silentLog }, stopping.signal);
  const pass = async (ms: number): Promise<void> => {
    await clock.advance(ms);
    for (let n = 0; n < 5; n += 1) await clock.advance(0);
  };
  const stop = async (): Promise<void> => {
    stopping.abort(new Error("over"));
    await telling.ended;
  };
  return { told, nats, telling, pass, stop };
};

describe("telling how a part is", () => {
  it("is done at once, and again every half minute", async () => {
    const { told, pass, stop } = setUp();
    await pass(0);
    expect(told).toHaveLength(1);
    await pass(2_000);
    await pass(27_000);
    expect(told).toHaveLength(1);
    await pass(1_000);
    expect(told).toHaveLength(2);
    await stop();
  });

  it("follows a change soon, and many changes no oftener than every two seconds", async () => {
    const { told, telling, pass, stop } = setUp();
    await pass(2_000);
    telling.changed();
    await pass(0);
    expect(told).toHaveLength(2);
    for (let n = 0; n < 100; n += 1) {
      telling.changed();
      await pass(100);
    }
    expect(told.length).toBeLessThanOrEqual(2 + 5);
    expect(told.length).toBeGreaterThanOrEqual(2 + 4);
    await stop();
  });

  it("goes on where it could not be told", async () => {
    const { told, nats, pass, stop } = setUp();
    nats.isAway = true;
    await pass(2_000);
    await pass(28_000);
    nats.isAway = false;
    await pass(2_000);
    await pass(28_000);
    expect(told).toHaveLength(3);
    await stop();
  });
});
