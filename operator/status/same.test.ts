import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { sameJson } from "#operator/status/same.ts";

describe("sameJson", () => {
  it("holds for a value and its copy through the wire", () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => sameJson(value, JSON.parse(JSON.stringify(value)))));
  });

  it("holds exactly when the canonical texts are equal", () => {
    const text = (value: unknown): string =>
      JSON.stringify(value, (_, v: unknown) =>
        typeof v === "object" && v !== null && !Array.isArray(v)
          ? Object.fromEntries(Object.entries(v).toSorted(([a], [b]) => (a < b ? -1 : 1)))
          : v,
      );
    // Small alphabets, so that equal values are drawn often. JSON has one zero.
    const small = fc
      .jsonValue({ maxDepth: 2, stringUnit: fc.constantFrom("a", "b") })
      .map((v) => JSON.parse(JSON.stringify(v)) as unknown);
    fc.assert(fc.property(small, small, (a, b) => sameJson(a, b) === (text(a) === text(b))));
  });

  it("takes undefined members for absent ones", () => {
    expect(sameJson({ a: 1, b: undefined }, { a: 1 })).toBe(true);
    expect(sameJson({ a: null }, {})).toBe(false);
    expect(sameJson([], {})).toBe(false);
  });
});
