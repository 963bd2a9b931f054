import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { holdsTooMuch, maxJsonValues, parseBoundedJson } from "#nervous-system/kernel/bounded-json.ts";

describe("JSON of whoever sends it", () => {
  it("is parsed as ever where it holds no more than it may", () => {
    fc.assert(fc.property(fc.json(), (text) => expect(parseBoundedJson(text)).toEqual(JSON.parse(text))));
  });

  it("is refused unparsed where short words would fill the memory", () => {
    for (const word of ["{},", "[],", "0,"])
      expect(() => parseBoundedJson(`[${word.repeat(maxJsonValues)}0]`)).toThrow(RangeError);
    expect(() => parseBoundedJson("[".repeat(maxJsonValues + 1))).toThrow(RangeError);
  });

  it("counts values and not what strings say", () => {
    const said = JSON.stringify({ text: String.raw`[{,\"`.repeat(1_000), end: "\\" });
    expect(holdsTooMuch(said, 2)).toBe(false);
    expect(holdsTooMuch(said, 1)).toBe(true);
  });
});
