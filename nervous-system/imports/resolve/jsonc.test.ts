import { describe, expect, it } from "@jest/globals";
import { growthOf, mostGrowth } from "#test/builders/growth.ts";
import { parseJsonc } from "./jsonc.ts";

describe("JSON with comments", () => {
  it.each([
    ['{"a": 1, /* b */ "c": [1, 2,], // d\n}', { a: 1, c: [1, 2] }],
    ['{"a": "// no, /* no */ ,}", "b": "\\",}"}', { a: "// no, /* no */ ,}", b: '",}' }],
    ['{"a": "\\\\", "b": "c",}', { a: "\\", b: "c" }],
    ['{"a": "b', undefined],
    ['{"a": "b\n", "c": 1}', undefined],
    ["{} /* b", {}],
  ])("%j", (text, value) => {
    expect(parseJsonc(text)).toEqual(value);
  });

  it.each(['\\"', '"', "\\", '"\\', '"\n', "/*", "//", "*/", ",", ", ", "{", '"a",'])(
    "is read in time that grows with %j behind a text that nobody closed",
    (part) => {
      const make = (n: number) => {
        const text = `{"a":"${part.repeat(n)}`;
        return () => parseJsonc(text);
      };
      expect(growthOf(2000, make)).toBeLessThan(mostGrowth);
    },
  );
});
