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
])("leaves nothing in a text that a terminal obeys: %j", (text, plain) => {
  expect(plainText(text)).toBe(plain);
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
