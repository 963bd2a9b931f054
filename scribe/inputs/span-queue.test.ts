import { describe, expect, it } from "@jest/globals";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import { createSpanQueue } from "./span-queue.ts";

const mib = (fill: number): Buffer => Buffer.alloc(1024 * 1024, fill);

describe("spans on their way out of a pod", () => {
  it("go one after the other, and again after a failure", async () => {
    const clock = manualClock();
    const sent: number[] = [];
    let isAway = true;
    const queue = createSpanQueue({
      clock,
      random: () => 1,
      send: async (request) => {
        if (isAway) throw new Error("away");
        sent.push(request[0] ?? 0);
        return true;
      },
    });
    for (const fill of [1, 2, 3]) queue.push(Buffer.from([fill]));
    await clock.advance(1_000);
    expect(sent).toEqual([]);
    isAway = false;
    await clock.advance(10_000);
    expect(sent).toEqual([1, 2, 3]);
    expect(queue.lost()).toBe(0);
    await queue.close(0);
  });

  it("make room for newer ones, and are counted as lost", async () => {
    const clock = manualClock();
    const sent: number[] = [];
    let isAway = true;
    const send = async (request: Buffer): Promise<boolean> => {
      if (isAway) throw new Error("away");
      sent.push(request[0] ?? 0);
      return request[0] !== 5;
    };
    const queue = createSpanQueue({ clock, random: () => 1, send });
    for (const fill of [1, 2, 3, 4, 5, 6]) queue.push(mib(fill));
    expect(queue.lost()).toBe(2);
    isAway = false;
    await clock.advance(10_000);
    expect(sent).toEqual([3, 4, 5, 6]);
    expect(queue.lost()).toBe(3); // the fifth was refused for good
    await queue.close(0);
  });

  it("are waited for at the end, but not for ever", async () => {
    const clock = manualClock();
    const queue = createSpanQueue({ clock, random: () => 1, send: () => Promise.reject(new Error("away")) });
    queue.push(Buffer.from([1]));
    const closed = queue.close(2_000);
    await clock.advance(2_000);
    await closed;
    expect(queue.lost()).toBe(1);
    queue.push(Buffer.from([2]));
    expect(queue.lost()).toBe(2);
  });
});
