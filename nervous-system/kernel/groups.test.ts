import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { groupsOf } from "#nervous-system/kernel/groups.ts";

const limits = { items: 4, bytes: 100, bytesOf: (bytes: number) => bytes };

describe("groups of a sequence", () => {
  it("hold every item in its order, and end with the one that fills them", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 120 })), (items) => {
        const groups = [...groupsOf(items, limits)];
        expect(groups.flat()).toEqual(items);
        for (const group of groups) {
          expect(group.length).toBeLessThanOrEqual(4);
          expect(group.slice(0, -1).reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(100);
        }
      }),
    );
  });

  it("are made when they are asked for", () => {
    let made = 0;
    const endless = function* (): Generator<number> {
      for (;;) yield (made += 1);
    };
    const groups = groupsOf(endless(), limits);
    expect(groups.next().value).toEqual([1, 2, 3, 4]);
    expect(made).toBe(4);
  });
});
