import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { emptyRow, patternOf, rowAfter, type Row } from "./repetition.ts";

const longest = 4;
const rowOf = (done: readonly string[]): Row => done.reduce((row, one) => rowAfter(row, one, longest), emptyRow);
const repeated = (pattern: readonly string[], times: number): string[] =>
  Array.from({ length: times }, () => pattern).flat();

/** The definition, in as many steps as it takes: how often the last `length` things stand at the end. */
const slowly = (done: readonly string[], length: number): number => {
  const pattern = done.slice(-length).join();
  let times = 0;
  for (let end = done.length; end >= length && done.slice(end - length, end).join() === pattern; end -= length)
    times += 1;
  return times;
};

const few = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 40 });

describe("patternOf", () => {
  it("finds what comes again at the end, whatever was before", () => {
    fc.assert(
      fc.property(
        few,
        fc.uniqueArray(fc.constantFrom("d", "e", "f", "g"), { minLength: 1 }),
        fc.integer({ min: 2, max: 9 }),
        (before, pattern, times) => {
          expect(patternOf(rowOf([...before, ...repeated(pattern, times)]))).toEqual({ length: pattern.length, times });
        },
      ),
    );
  });

  it("counts as the definition does, and the shortest of those that came most often", () => {
    fc.assert(
      fc.property(few, (done) => {
        const counts = [1, 2, 3, 4].map((length) => slowly(done, length));
        const times = Math.max(...counts);
        expect(patternOf(rowOf(done))).toEqual({ length: times === 0 ? 1 : counts.indexOf(times) + 1, times });
      }),
    );
  });

  it("is of one size, however much was done", () => {
    fc.assert(
      fc.property(few, (done) => {
        const { last, again } = rowOf(done);
        expect([last.length <= longest, again.length <= longest]).toEqual([true, true]);
      }),
    );
  });
});
