import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { growthOf, mostGrowth } from "#test/builders/growth.ts";
import { expandUse } from "./rust-use.ts";

describe("a use tree", () => {
  it.each([
    ["std::fmt", ["std::fmt"]],
    ["::std::fmt", ["::std::fmt"]],
    ["t", ["t"]],
    ["a::{b, c::d}", ["a::b", "a::c::d"]],
    ["a::{self, b}", ["a", "a::b"]],
    ["a::{b as c, d::{e as _, *}, }", ["a::b", "a::d::e", "a::d"]],
    ["{h::i, j}", ["h::i", "j"]],
    ["::{a, b::c}", ["::a", "::b::c"]],
    ["r#type::r#fn", ["type::fn"]],
    ["a::*", ["a"]],
    ["self::a", ["self::a"]],
    ["super::super::a", ["super::super::a"]],
    ["crate::{/* b, */ c, // d\n e}", ["crate::c", "crate::e"]],
    ["a::{}", []],
    ["", []],
  ])("%s", (text, paths) => {
    expect(expandUse(text)).toEqual(paths);
  });

  it("is read to its end, whatever it is", () => {
    const part = fc.constantFrom(
      "a",
      "b",
      "::",
      "{",
      "}",
      ",",
      "*",
      "as",
      "self",
      "/*",
      "*/",
      "//",
      "\n",
      " ",
      "r#",
      "é",
      "1",
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 200 }), (parts) => {
        const paths = expandUse(parts.join(""));
        expect(paths?.length ?? 0).toBeLessThanOrEqual(parts.length);
      }),
    );
  });

  it.each(["a,", "/*", "{a", "a::{", "a", "as "])("takes time that grows with %j", (part) => {
    expect(growthOf(5000, (n) => () => expandUse(part.repeat(n)))).toBeLessThan(mostGrowth);
  });
});
