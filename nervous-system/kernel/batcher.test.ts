import { describe, expect, it } from "@jest/globals";
import * as fc from "fast-check";
import { createBatcher, type Batcher } from "#nervous-system/kernel/batcher.ts";
import { manualClock, type ManualClock } from "#nervous-system/kernel/clock.ts";

type Bench = {
  clock: ManualClock;
  batches: string[][];
  batcher: Batcher<string, number>;
  /** Ends the oldest running flush. */
  finish: (error?: unknown) => void;
};

const bench = (limits: { maxItems?: number; maxBytes?: number; maxWaitMs?: number } = {}): Bench => {
  const clock = manualClock();
  const batches: string[][] = [];
  const running: Array<(error?: unknown) => void> = [];
  const flush = (items: readonly string[]): Promise<number> => {
    expect(running).toHaveLength(0);
    batches.push([...items]);
    return new Promise((resolve, reject) =>
      running.push((error) => (error === undefined ? resolve(batches.length) : reject(error))),
    );
  };
  const options = { maxItems: 100, maxBytes: 1000, maxWaitMs: 0, ...limits };
  const batcher = createBatcher<string, number>({
    ...options,
    bytesOf: (item) => item.length,
    flush,
    clock,
  });
  return { clock, batches, batcher, finish: (error) => running.shift()?.(error) };
};

describe("batcher", () => {
  it("commits as a group what came together and what came during the flush before", async () => {
    const { clock, batches, batcher, finish } = bench();
    const first = [batcher.add("a"), batcher.add("b")];
    await clock.advance(0);
    const second = [batcher.add("c"), batcher.add("d"), batcher.add("e")];
    await clock.advance(0);
    expect(batches).toEqual([["a", "b"]]);
    finish();
    expect(await Promise.all(first)).toEqual([1, 1]);
    await clock.advance(0);
    expect(batches).toEqual([
      ["a", "b"],
      ["c", "d", "e"],
    ]);
    finish();
    expect(await Promise.all(second)).toEqual([2, 2, 2]);
    expect(batcher.pendingBytes()).toBe(0);
  });

  it("waits for company no longer than asked", async () => {
    const { clock, batches, batcher } = bench({ maxWaitMs: 10 });
    void batcher.add("a");
    await clock.advance(9);
    void batcher.add("b");
    expect(batches).toEqual([]);
    await clock.advance(1);
    expect(batches).toEqual([["a", "b"]]);
    expect(clock.pending()).toBe(0);
  });

  it("does not wait once the batch is full by count or by bytes, and splits there", async () => {
    const byCount = bench({ maxWaitMs: 10, maxItems: 2 });
    for (const item of ["a", "b", "c"]) void byCount.batcher.add(item);
    await byCount.clock.advance(0);
    byCount.finish();
    await byCount.clock.advance(0);
    expect(byCount.batches).toEqual([["a", "b"], ["c"]]);
    const byBytes = bench({ maxWaitMs: 10, maxBytes: 5 });
    for (const item of ["aaa", "bbb", "c"]) void byBytes.batcher.add(item);
    await byBytes.clock.advance(0);
    byBytes.finish();
    await byBytes.clock.advance(0);
    expect(byBytes.batches).toEqual([["aaa"], ["bbb", "c"]]);
  });

  it("lets an item larger than a batch travel alone", async () => {
    const { clock, batches, batcher, finish } = bench({ maxBytes: 2 });
    for (const item of ["large", "a"]) void batcher.add(item);
    await clock.advance(0);
    finish();
    await clock.advance(0);
    expect(batches).toEqual([["large"], ["a"]]);
  });

  it("tells exactly the items of a failed batch, and goes on", async () => {
    const { clock, batcher, finish } = bench();
    const lost = batcher.add("a");
    await clock.advance(0);
    const kept = batcher.add("b");
    finish(new Error("disk full"));
    await expect(lost).rejects.toThrow("disk full");
    await clock.advance(0);
    finish();
    expect(await kept).toBe(2);
  });

  it("drains without waiting for company, and refuses items once closed", async () => {
    const { clock, batches, batcher, finish } = bench({ maxWaitMs: 1000 });
    const item = batcher.add("a");
    const closed = batcher.close();
    await clock.advance(0);
    expect(batches).toEqual([["a"]]);
    finish();
    await closed;
    expect(await item).toBe(1);
    await expect(batcher.add("b")).rejects.toThrow("closed");
  });

  it("flushes every item exactly once, in order, within its limits", async () => {
    const item = fc.string({ minLength: 1, maxLength: 8 });
    const step = fc.oneof(item, fc.constant(null));
    await fc.assert(
      fc.asyncProperty(
        fc.array(step),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 12 }),
        fc.nat(3),
        async (steps, maxItems, maxBytes, maxWaitMs) => {
          const { clock, batches, batcher, finish } = bench({ maxItems, maxBytes, maxWaitMs });
          const added: string[] = [];
          for (const next of steps) {
            if (next === null) {
              finish();
              await clock.advance(1);
            } else {
              added.push(next);
              void batcher.add(next);
            }
          }
          const end = { closed: false };
          void batcher.close().then(() => (end.closed = true));
          while (!end.closed) {
            finish();
            await clock.advance(0);
          }
          expect(batches.flat()).toEqual(added);
          for (const batch of batches) {
            expect(batch.length).toBeLessThanOrEqual(maxItems);
            if (batch.length > 1) expect(batch.join("").length).toBeLessThanOrEqual(maxBytes);
          }
        },
      ),
    );
  });
});
