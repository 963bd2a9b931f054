import { expect, it } from "@jest/globals";
import fc from "fast-check";
import { plainText, withPlainTexts } from "./plain-text.ts";

it.each([
  ["\u001b[31mred\u001b[0m\tand\nplain", "red\tand\nplain"],
  ["\u001b[2J\u001b[1;1Hcleared", "cleared"],
  ["\u001b]0;title\u0007", "\ufffd]0;title\ufffd"],
  ["\u009b31m", "\ufffd31m"],
  ["one\r\ntwo\rthree", "one\ntwo\ufffdthree"],
  ["\u202egpj.exe", "\ufffdgpj.exe"],
  ["ünïcode, 文件, \u200f, 👩‍👩‍👧", "ünïcode, 文件, \u200f, 👩‍👩‍👧"],
  // "hi" in tag characters, in variation selectors, and in a run of joiners; a heart that asks for colours.
  ["on\u{e0068}\u{e0069}e", "one"],
  ["on\u{e0158}\ufe0fe \u2764\ufe0f", "one \u2764"],
  ["one\u200d\u200c\u200d\u200c", "one\u200d"],
  ["\u001b\u{e0041}[2J\u200b", ""],
])("leaves nothing in a text that a terminal obeys: %j", (text, plain) => {
  expect(plainText(text)).toBe(plain);
});

it("takes away every character that nobody sees, but the joiners and marks that scripts are written with", () => {
  // Planes 2 to 13 hold ideographs alone, those above 14 nothing that Unicode knows.
  const kept = [0, 1, 14]
    .flatMap((plane) => Array.from({ length: 0x1_0000 }, (_, at) => String.fromCodePoint(plane * 0x1_0000 + at)))
    .filter((one) => /[\p{Cf}\p{Default_Ignorable_Code_Point}]/u.test(one))
    .filter((one) => !["ab", "a\ufffdb"].includes(plainText(`a${one}b`)));
  expect(kept.filter((one) => /\p{Default_Ignorable_Code_Point}/u.test(one))).toEqual(
    Array.from("\u061c\u200c\u200d\u200e\u200f"),
  );
  // Signs of numbers and verses, each with a shape of its own.
  expect(kept.filter((one) => !/\p{Default_Ignorable_Code_Point}/u.test(one))).toEqual(
    Array.from("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}"),
  );
});

it("leaves nothing to take away a second time", () => {
  const pieces = Array.from("\u001b[0m\r\n\u200d\u200c\u200b\u{e0041}\ufe0f\u202ea", (one) => fc.constant(one));
  fc.assert(
    fc.property(fc.string({ unit: fc.oneof(...pieces) }), (text) => {
      expect(plainText(plainText(text))).toBe(plainText(text));
    }),
  );
});

it("keeps the shape of JSON, and is done once", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const plain = withPlainTexts(value);
      expect(withPlainTexts(plain)).toEqual(plain);
    }),
  );
  const status = { conditions: [{ message: "\u001b[1mx", n: 1 }], absent: undefined, "\u0007": null };
  expect(withPlainTexts(status)).toEqual({ conditions: [{ message: "x", n: 1 }], absent: undefined, "\u0007": null });
});
