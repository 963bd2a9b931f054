import { describe, expect, it } from "@jest/globals";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import { createSoon } from "./soon.ts";

const clock = manualClock();
const done: string[] = [];
const working =
  (name: string, until: Promise<void> = Promise.resolve()) =>
  async (): Promise<void> => {
    await until;
    done.push(name);
  };

describe("work that may wait for a moment", () => {
  it("begins by itself when that is over", async () => {
    const soon = createSoon(clock, 20);
    soon.add(working("one"));
    await clock.advance(19);
    expect(done).toEqual([]);
    await clock.advance(1);
    expect([done, soon.settle()]).toEqual([["one"], undefined]);
  });

  it("is done in its order, whole, before whoever waits for it goes on, and once", async () => {
    done.length = 0;
    const soon = createSoon(clock, 20);
    const slow = Promise.withResolvers<void>();
    soon.add(working("slow", slow.promise));
    await clock.advance(20);
    soon.add(working("late"));
    const first = soon.settle()?.then(() => done.push("then"));
    const second = soon.settle()?.then(() => done.push("after that"));
    slow.resolve();
    await Promise.all([first, second]);
    await clock.advance(20);
    expect(done).toEqual(["slow", "late", "then", "after that"]);
    expect(soon.settle()).toBeUndefined();
  });
});
