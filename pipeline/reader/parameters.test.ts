import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { needed, optional, type Question } from "#nervous-system/schemas/questions/define-question.ts";
import { parseParameters } from "./parameters.ts";

const question: Question = {
  name: "things",
  asks: "Which things?",
  parameters: {
    a: needed("text", "whose things"),
    about: optional("words", "about what"),
    from: optional("since", "since when"),
    to: optional("until", "until when"),
    after: optional("count", "behind which"),
  },
  columns: {},
};
const parse = (value: unknown) =>
  parseParameters(question, typeof value === "string" ? value : JSON.stringify(value), 0);
const message = (value: unknown): string => {
  const parsed = parse(value);
  return parsed.kind === "invalid" ? parsed.message : "";
};

describe("parameters", () => {
  it("are all there, whatever was given", () => {
    expect(parse({ a: "ann", about: " database, schema ", after: "7" })).toEqual({
      kind: "valid",
      values: { a: "ann", about: ["database", "schema"], from: 0n, to: 2n ** 63n - 1n, after: 7 },
    });
  });

  it("are refused with what was expected", () => {
    expect(message({})).toBe('parameter "a" is missing: whose things');
    expect(message({ a: "x", from: "soon" })).toMatch(
      /^parameter "from": give a time in UTC such as 2026-11-30T04:00:00Z/,
    );
    expect(message({ a: "x", after: "-1" })).toBe('parameter "after": give a whole number from 0');
    expect(message({ a: 7 })).toBe('parameter "a": give text of at most 1024 characters');
    expect(message({ a: "x", about: "w ".repeat(17) })).toMatch(/^parameter "about": give at most 16 words/);
    expect(message({ a: "x", namespace: "other" })).toBe(
      '"things" has no parameter "namespace"; it has a, about, from, to, after',
    );
    for (const to of ["2026-11-29", "2026-11-30"])
      expect(message({ a: "x", from: "2026-11-30", to })).toBe('parameter "to": give a time that is after "from"');
    expect(parse({ a: "x", from: "2026-11-30", to: "2026-11-30 00:01" }).kind).toBe("valid");
    expect(message("[1]")).toBe("the parameters must be a JSON object");
    expect(message("{")).toBe("the parameters must be a JSON object");
  });

  it("never throw, and have no name but the question's", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.dictionary(fc.string(), fc.jsonValue()).map((value) => JSON.stringify(value)),
        ),
        (json) => {
          const parsed = parseParameters(question, json, 0);
          if (parsed.kind === "valid") expect(Object.keys(parsed.values)).toEqual(Object.keys(question.parameters));
        },
      ),
    );
  });
});
