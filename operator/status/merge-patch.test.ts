import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { mergePatchOf, type Patch } from "#operator/status/merge-patch.ts";
import { sameJson } from "#operator/status/same.ts";

const isObject = (value: unknown): value is Patch =>
  typeof value === "object" && value !== null && !Array.isArray(value);

// RFC 7386, section 2, word for word.
const applied = (target: unknown, patch: unknown): unknown => {
  if (!isObject(patch)) return patch;
  const result: Patch = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = applied(result[name], value);
  }
  return result;
};

const statuses = fc.letrec<{ value: unknown; object: Patch }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(1, "a", true),
    fc.array(fc.constantFrom(1, 2), { maxLength: 2 }),
    tie("object"),
  ),
  object: fc.dictionary(fc.constantFrom("a", "b", "c"), tie("value")),
})).object;

describe("mergePatchOf", () => {
  it("leads from one status to the other by the RFC's own rules", () => {
    fc.assert(fc.property(statuses, statuses, (a, b) => sameJson(applied(a, mergePatchOf(a, b)), b)));
  });

  it("is empty exactly where nothing changed", () => {
    fc.assert(
      fc.property(statuses, statuses, (a, b) => (Object.keys(mergePatchOf(a, b)).length === 0) === sameJson(a, b)),
    );
  });

  it("names only what changed", () => {
    expect(mergePatchOf({ a: 1, b: { c: 1, d: 2 }, e: 1 }, { a: 1, b: { c: 1, d: 3 } })).toEqual({
      b: { d: 3 },
      e: null,
    });
  });
});
