import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { hasFragileNumbers, parseExactJson } from "./exact-json.ts";

const spellings = fc.oneof(
  fc.constantFrom("0", "7", "-1", "0.5", "1.5e+300", "1.0", "1e3", "1E3", "-0", "-0.0", "0.10", "12345678901234567890"),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
);
const strings = fc.oneof(
  fc.string(),
  fc.constantFrom(":1.0,", "[1e3]", '":1.0', "2026-11-25T04:05:34.120Z", String.raw`\":1.0,`),
);
const space = fc.constantFrom("", " ", "\n\t ");
type Render = (text: string) => string;
const renderings = fc.tuple(space, space).map(
  ([before, after]): Render =>
    (text) =>
      `${before}${text}${after}`,
);

/** JSON objects with numbers as producers spell them. */
const texts = fc
  .array(
    fc.tuple(
      fc.string(),
      fc.oneof(
        spellings,
        strings.map((text) => JSON.stringify(text)),
        fc.tuple(spellings, spellings).map((list) => `[${list.join(" , ")}]`),
      ),
      renderings,
    ),
    { maxLength: 6 },
  )
  .map((members) => `{${members.map(([key, value, render]) => `${JSON.stringify(key)}:${render(value)}`).join(",")}}`);

describe("numbers that a double would spell differently", () => {
  it("are never overlooked", () => {
    fc.assert(
      fc.property(texts, (text) => {
        const plain = JSON.stringify(JSON.parse(text));
        if (!hasFragileNumbers(text)) expect(JSON.stringify(parseExactJson(text))).toBe(plain);
      }),
      { numRuns: 2_000 },
    );
  });

  it("are not seen where there are none, so that a frame is parsed once", () => {
    const frame = {
      timestamp: "2026-11-25T04:59:34.123Z",
      payload: {
        confidence_score: 0.87,
        duration_ms: 12.25,
        list: [0.5, -3, 1e300],
        text: "version 1.0, in 1e3 files",
      },
    };
    expect(hasFragileNumbers(JSON.stringify(frame))).toBe(false);
    expect(hasFragileNumbers(JSON.stringify(frame, null, 2))).toBe(false);
  });

  it("are found in time that grows with the text only", () => {
    for (const word of [",", ", ", ":1", ",1.1", `:${" ".repeat(50)}`, ":1e"])
      expect(hasFragileNumbers(word.repeat(260_000 / word.length))).toBe(false);
    expect(hasFragileNumbers(`{"a":${"1".repeat(260_000)}x}`)).toBe(false);
  });
});
