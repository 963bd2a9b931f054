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

  it("lets nobody overtake who waits behind it, not even right when it is done", async () => {
    done.length = 0;
    const soon = createSoon(clock, 20);
    const slow = Promise.withResolvers<void>();
    soon.add(working("work", slow.promise));
    const all: Promise<void>[] = [];
    const follow = (name: string): void => void all.push(soon.behind(working(name)));
    follow("first");
    // As many turns of promises later as it takes until everything is done.
    const late = (turns: number): Promise<void> =>
      turns === 0 ? Promise.resolve() : slow.promise.then(() => late(turns - 1));
    const followLate = async (turns: number): Promise<void> => {
      await late(turns);
      follow(`${turns} turns late`);
    };
    for (let turns = 1; turns < 20; turns += 1) all.push(followLate(turns));
    slow.resolve();
    for (let seen = 0; seen < all.length; seen += 1) await all[seen];
    expect(done.slice(0, 2)).toEqual(["work", "first"]);
    expect(done.slice(2)).toEqual(Array.from({ length: 19 }, (_, at) => `${at + 1} turns late`));
  });

  it("goes on where work fails", async () => {
    done.length = 0;
    const soon = createSoon(clock, 20);
    soon.add(() => Promise.reject(new Error("lost")));
    soon.add(working("after it"));
    await soon.behind(working("behind"));
    expect(done).toEqual(["after it", "behind"]);
  });
});
