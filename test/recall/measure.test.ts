import { describe, expect, it } from "@jest/globals";
import { createBm25 } from "./bm25.ts";
import { parseCases, readCases } from "./cases.ts";
import { measure, placeOf, summarise } from "./measure.ts";

describe("measuring recall", () => {
  it("counts places from one, and gives equals the worst of theirs", () => {
    expect(placeOf(1, [0.1, 0.9, 0.5])).toBe(1);
    expect(placeOf(0, [0.1, 0.9, 0.5])).toBe(3);
    expect(placeOf(0, [0, 0, 0, 1])).toBe(4);
  });

  it("takes the mean of the reciprocal places", () => {
    expect(summarise([1, 2, 4, 10])).toEqual({ top1: 0.25, top5: 0.75, mrr: (1 + 0.5 + 0.25 + 0.1) / 4 });
  });

  it("is perfect for who knows the answers, and poor for who guesses one", async () => {
    const queries = [0, 1, 2, 3].map((right) => ({ query: String(right), right }));
    const knowing = await measure(queries, (query) => [0, 1, 2, 3].map((at) => (at === Number(query) ? 1 : 0)));
    expect(knowing).toEqual({ top1: 1, top5: 1, mrr: 1, places: [1, 1, 1, 1] });
    expect((await measure(queries, () => [1, 0, 0, 0])).top1).toBe(0.25);
  });
});

describe("BM25", () => {
  const score = createBm25(["the cat sat", "the dog sat and sat", "a bird", "the the the"]);
  it("prefers rare words, repeated words and short documents, and knows nothing of others", () => {
    const [cat, dog, bird] = score("dog sat") as [number, number, number];
    expect(dog).toBeGreaterThan(cat);
    expect(cat).toBeGreaterThan(bird);
    expect(score("elephant")).toEqual([0, 0, 0, 0]);
  });

  it("is Lucene's formula", () => {
    // idf = ln(1 + (4 - 1 + 0.5) / (1 + 0.5)); one of two words, the average document has 3.25.
    const expected = (Math.log(1 + 3.5 / 1.5) * 2.2) / (1 + 1.2 * (0.25 + (0.75 * 2) / 3.25));
    expect(score("bird")[2]).toBeCloseTo(expected, 10);
  });
});

describe("the cases", () => {
  it("are at least a hundred, none twice, and none to be looked at among those that are measured", () => {
    const [test, dev] = [readCases("test"), readCases("dev")];
    expect(test.length).toBeGreaterThanOrEqual(100);
    const texts = [...test, ...dev].flatMap(({ bug, lesson, report }) => [bug, lesson, report]);
    expect(new Set(texts).size).toBe(texts.length);
  });

  it("are refused where a line is none", () => {
    expect(() => parseCases("a | b | c")).toThrow("a | b | c");
    expect(parseCases("# remark\n\na | b | c | d\n")).toEqual([{ area: "a", bug: "b", lesson: "c", report: "d" }]);
  });
});
