import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { hasFragileNumbers, parseExactIntegers, parseExactJson } from "./exact-json.ts";

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

const written = (text: string): string => JSON.stringify(parseExactIntegers(text));

describe("JSON that is read and written again", () => {
  it("is what it was, and means the same as ever", () => {
    fc.assert(fc.property(fc.json(), (text) => expect(JSON.parse(written(text))).toEqual(JSON.parse(text))));
    expect(() => parseExactIntegers('{"id":1875924584784080993')).toThrow(SyntaxError);
    expect(() => parseExactIntegers("{")).toThrow(SyntaxError);
  });

  it("keeps every digit of whole numbers, wherever they stand", () => {
    const whole = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), whole), { minLength: 1 }), (members) => {
        const inner = members.map(([name, value]) => `{${JSON.stringify(name)}:[${value}]}`).join(",");
        const text = `{"a":[${inner}],"1875924584784080993":"1875924584784080993"}`;
        expect(JSON.parse(written(text))).toEqual(JSON.parse(text));
        for (const [, value] of members) expect(written(text)).toContain(`[${value}]`);
      }),
    );
    expect(written('{"__proto__":1875924584784080993,"a":1,"a":-1875924584784080994}')).toBe(
      '{"__proto__":1875924584784080993,"a":-1875924584784080994}',
    );
  });

  it("leaves numbers to whoever counts them", () => {
    const counted = { small: 7, last: Number.MAX_SAFE_INTEGER, part: 0.30000000000000004, large: 1e21 };
    expect(parseExactIntegers(`{"small":7,"last":9007199254740991,"part":0.30000000000000004,"large":1e21}`)).toEqual(
      counted,
    );
    expect(parseExactIntegers("1875924584784080993")).toBe(JSON.parse("1875924584784080993"));
  });

  it("is parsed however deep it is", () => {
    const deep = `${"[".repeat(50_000)}1875924584784080993${"]".repeat(50_000)}`;
    expect(Array.isArray(parseExactIntegers(deep))).toBe(true);
  });
});
