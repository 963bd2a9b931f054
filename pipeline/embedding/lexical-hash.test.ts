import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { createLexicalHash, hashText } from "./lexical-hash.ts";
import { wordsOf } from "./words.ts";
import { growthOf, mostGrowth } from "#test/builders/growth.ts";

const cosine = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, at) => sum + value * b[at]!, 0);

describe("wordsOf", () => {
  it.each([
    ["parseInt('08')", ["parse", "int", "08"]],
    ["max_frame-size", ["max", "frame", "size"]],
    ["HTTPServer crashed", ["http", "server", "crashed"]],
    ["utf8Decoder", ["utf8", "decoder"]],
    ["Größe überschritten", ["größe", "überschritten"]],
    ["  !?  ", []],
  ])("cuts %j", (text, words) => {
    expect(wordsOf(text)).toEqual(words);
  });

  it("keeps the marks of a letter, as many as any script sets", () => {
    expect(wordsOf("Việt u\u0308ber ｶﾞﾗｽ")).toEqual(["việt", "über", "ガラス"]);
  });

  it.each([
    ["marks that normalising sorts", "\u0315\u0300"],
    ["marks that are letters before", "\u0300\uff9e"],
    ["marks of the upper planes", "\u{1d165}\u0300"],
  ])("takes time in proportion to %s", (_, marks) => {
    const make = (n: number) => {
      const text = `a${marks.repeat(n)}`;
      return () => wordsOf(text);
    };
    expect(growthOf(2_000, make)).toBeLessThan(mostGrowth);
  });
});

describe("lexical hash", () => {
  it("has length one, whatever the text, or is zero where there is no word", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const length = Math.sqrt(cosine(hashText(text), hashText(text)));
        expect(length).toBeCloseTo(wordsOf(text).length === 0 ? 0 : 1, 4);
      }),
    );
  });

  it("is nearer to a text that shares words, or forms of them, than to one that does not", () => {
    const [bug, sameWords, otherWords] = [
      "reading the last line fails without a newline",
      "the last lines are not read when the newline is missing",
      "users cannot sign in behind a proxy",
    ].map(hashText) as [Float32Array, Float32Array, Float32Array];
    expect(cosine(bug, sameWords)).toBeGreaterThan(cosine(bug, otherWords) + 0.1);
  });

  it("hardly mistakes unlike texts for like ones", () => {
    const word = fc.stringMatching(/^[a-m]{5,9}$/);
    const other = fc.stringMatching(/^[n-z]{5,9}$/);
    const many = { minLength: 6, maxLength: 20 };
    fc.assert(
      fc.property(fc.array(word, many), fc.array(other, many), (one, two) => {
        expect(Math.abs(cosine(hashText(one.join(" ")), hashText(two.join(" "))))).toBeLessThan(0.5);
      }),
    );
  });

  it("answers in the order of the texts", async () => {
    const { signal } = new AbortController();
    const vectors = await createLexicalHash().embed(["one thing", "another"], signal);
    expect(vectors).toEqual([hashText("one thing"), hashText("another")]);
  });

  it("takes time in proportion to the text", () => {
    const make = (n: number) => {
      const text = Array.from({ length: n }, (_, at) => `parserFailsOn${at.toString(36)}Header Größe`).join(" ");
      return () => hashText(text);
    };
    expect(growthOf(1_000, make)).toBeLessThan(mostGrowth);
  });
});
