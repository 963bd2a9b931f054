import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { boundText, createBoundedCollector } from "./bounded-text.ts";

describe("bounded text", () => {
  it("collects a stream in pieces to what cutting the whole gives", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 40 }), { maxLength: 60 }),
        fc.integer({ min: 3, max: 200 }),
        (pieces, limit) => {
          const collector = createBoundedCollector(limit);
          for (const piece of pieces) collector.push(piece);
          expect(collector.text()).toBe(boundText(pieces.join(""), limit));
        },
      ),
    );
  });

  it("keeps head and tail and says how much is gone", () => {
    expect(boundText("a".repeat(10) + "b".repeat(10), 6)).toBe("aaaa\n[… 14 characters left out …]\nbb");
  });
});
