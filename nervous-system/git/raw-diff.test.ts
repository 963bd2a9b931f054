import { describe, expect, it } from "@jest/globals";
import { exactNameOf, nameOf, pathOf } from "#nervous-system/git/paths.ts";
import { parseRawDiff, splitRawDiff } from "#nervous-system/git/raw-diff.ts";
import { growthOf, mostGrowth } from "#test/builders/growth.ts";

const [oldId, newId] = ["a".repeat(40), "c".repeat(40)];
const entry = (path: string, status = "M"): string => `:100644 100755 ${oldId} ${newId} ${status}\0${path}\0`;

describe("parseRawDiff", () => {
  it("reads every path as it is, with quotes, newlines and arrows in it", () => {
    const names = ['a "b"', "c\nd", "e => f", "ü", ":100644"];
    const changes = parseRawDiff(Buffer.from(names.map((name) => entry(name)).join("")));
    expect(changes?.map(({ path }) => nameOf(path))).toEqual(names);
    expect(changes?.[0]).toMatchObject({ oldMode: "100644", newMode: "100755", status: "M", newId });
    expect(parseRawDiff(Buffer.alloc(0))).toEqual([]);
  });

  it("keeps the bytes of a name that is not UTF-8", () => {
    const changes = parseRawDiff(Buffer.from(entry("a\u00FF"), "latin1"));
    const path = changes?.[0]?.path ?? "";
    expect(Buffer.from(path, "latin1")).toEqual(Buffer.from([0x61, 0xff]));
    expect([nameOf(path), exactNameOf(path), exactNameOf(pathOf("ü"))]).toEqual(["a\uFFFD", undefined, "ü"]);
  });

  it("gives nothing for what it does not understand", () => {
    expect(parseRawDiff(Buffer.from(`:1 2 3\0a\0`))).toBeUndefined();
    expect(parseRawDiff(Buffer.from(entry("")))).toBeUndefined();
    expect(parseRawDiff(Buffer.from(`${entry("a")}1\t1\ta\0`))).toBeUndefined();
  });
});

it.each<readonly [string, (n: number) => string]>([
  ["entries", (n) => entry("a").repeat(n)],
  ["one long path", (n) => entry("a/".repeat(20 * n))],
  ["one long header", (n) => `:${"7".repeat(20 * n)}\0a\0`],
  ["one long status", (n) => entry("a", `R${"0".repeat(20 * n)}`)],
  ["no end", (n) => ":".repeat(20 * n)],
])("takes time by the length of what it reads: %s", (_, make) => {
  const read = (n: number) => {
    const output = Buffer.from(make(n));
    return () => parseRawDiff(output)?.map(({ path }) => exactNameOf(path));
  };
  expect(growthOf(20_000, read)).toBeLessThan(mostGrowth);
});

describe("splitRawDiff", () => {
  it("reads the two names of a rename with its score, and gives back what follows", () => {
    const { changes, rest } = splitRawDiff(Buffer.from(`${entry("old\0new", "R097")}${entry("x")}1\t0\tx\0`));
    expect(changes.map(({ status, path, oldPath }) => [status, path, oldPath])).toEqual([
      ["R", "new", "old"],
      ["M", "x", undefined],
    ]);
    expect(rest).toEqual(["1\t0\tx"]);
  });
});
