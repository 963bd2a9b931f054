import { describe, expect, it } from "@jest/globals";
import { fileKey, firstRevision, nextRevision, parseFileKey, revisionsPrefix } from "./keys.ts";

describe("the name of a file", () => {
  const cut = { stream: "2026-11-23T00:00:00.5Z", from: 513, to: 1_024, hash: "ab" };
  const first = fileKey(cut);

  it("leads through its revisions and back, and says the same places", () => {
    const second = nextRevision(first);
    const third = nextRevision(second);
    expect([second, third].map((key) => key.slice(-11))).toEqual([".r1.parquet", ".r2.parquet"]);
    expect([first, second, third].map(firstRevision)).toEqual([first, first, first]);
    expect([second, third].map(parseFileKey)).toEqual([parseFileKey(first), parseFileKey(first)]);
    expect([second, third].every((key) => key.startsWith(revisionsPrefix(first)) && key > first)).toBe(true);
    expect(first.startsWith(revisionsPrefix(first))).toBe(false);
  });

  it("is none of ours with another revision", () => {
    const odd = ["r0", "r01", "r", "r1.r2", "r1234567"].map((text) => first.replace(/parquet$/, `${text}.parquet`));
    expect(odd.map(parseFileKey)).toEqual(odd.map(() => undefined));
  });
});
