import { describe, expect, it } from "@jest/globals";
import { eachAtOnce } from "./each-at-once.ts";

describe("eachAtOnce", () => {
  it("does each item once, and never more than so many at a time", async () => {
    const done: number[] = [];
    let [now, most] = [0, 0];
    await eachAtOnce([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
      most = Math.max(most, (now += 1));
      await Promise.resolve();
      now -= 1;
      done.push(item);
    });
    expect(done.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(most).toBe(3);
  });

  it("begins none after one that failed, and rejects once the others have ended", async () => {
    const begun: number[] = [];
    const slow = Promise.withResolvers<void>();
    let settled = false;
    const all = eachAtOnce([1, 2, 3, 4], 2, (item) => {
      begun.push(item);
      return item === 1 ? slow.promise : Promise.reject(new Error(`no ${item}`));
    });
    const watched = all.catch((error: unknown) => {
      settled = true;
      throw error;
    });
    await new Promise(setImmediate);
    expect([begun, settled]).toEqual([[1, 2], false]);
    slow.resolve();
    await expect(watched).rejects.toThrow("no 2");
    expect(begun).toEqual([1, 2]);
  });

  it("does nothing for no items", async () => {
    await expect(eachAtOnce([], 4, () => Promise.reject(new Error("asked")))).resolves.toBeUndefined();
  });
});
