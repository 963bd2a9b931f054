import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { AgentStatus } from "#nervous-system/schemas/resources/agent.ts";
import { changeOf, mergePatchOf, sameJson, type Patch } from "#operator/status/change.ts";

describe("sameJson", () => {
  it("holds for a value and its copy through the wire", () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => sameJson(value, JSON.parse(JSON.stringify(value)))));
  });

  it("holds exactly when the canonical texts are equal", () => {
    const text = (value: unknown): string =>
      JSON.stringify(value, (_, v: unknown) =>
        typeof v === "object" && v !== null && !Array.isArray(v)
          ? Object.fromEntries(Object.entries(v).toSorted(([a], [b]) => (a < b ? -1 : 1)))
          : v,
      );
    // Small alphabets, so that equal values are drawn often. JSON has one zero.
    const small = fc
      .jsonValue({ maxDepth: 2, stringUnit: fc.constantFrom("a", "b") })
      .map((v) => JSON.parse(JSON.stringify(v)) as unknown);
    fc.assert(fc.property(small, small, (a, b) => sameJson(a, b) === (text(a) === text(b))));
  });

  it("takes undefined members for absent ones", () => {
    expect(sameJson({ a: 1, b: undefined }, { a: 1 })).toBe(true);
    expect(sameJson({ a: null }, {})).toBe(false);
    expect(sameJson([], {})).toBe(false);
  });
});

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

const ready = (status: "True" | "False", reason: string, message = "") => ({
  type: "Ready",
  status,
  reason,
  message,
  lastTransitionTime: "2026-11-23T09:00:00Z",
});
const change = (before: AgentStatus, after: AgentStatus) => changeOf(before, after, ["attempt"]);

describe("changeOf", () => {
  it("tells structure, conditions, activity and nothing, in this order", () => {
    const base: AgentStatus = { attempt: 1, conditions: [ready("False", "PodPending")] };
    expect(change(base, { ...base, attempt: 2 })).toBe("structure");
    expect(
      change(base, { ...base, conditions: [...base.conditions!, { ...ready("True", "Succeeded"), type: "Complete" }] }),
    ).toBe("structure");
    expect(change(base, { ...base, conditions: [ready("False", "ImagePullFailed")] })).toBe("condition");
    expect(change(base, { ...base, conditions: [ready("False", "PodPending", "other words")] })).toBe("activity");
    expect(change(base, { ...base, usage: { frames: 1 } })).toBe("activity");
    expect(change(base, structuredClone(base))).toBe("nothing");
  });
});
