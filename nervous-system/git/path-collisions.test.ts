import { describe, expect, it } from "@jest/globals";
import { foldedAdditions, judgeCollisions } from "#nervous-system/git/path-collisions.ts";
import type { RawChange } from "#nervous-system/git/raw-diff.ts";

const none = "0".repeat(40);
const change = (path: string, newMode = "100644", oldMode = "100644"): RawChange => ({
  path,
  newMode,
  oldMode,
  oldId: none,
  newId: none,
  status: "M",
});
const added = (path: string): RawChange => change(path, "100644", "000000");

const prefixesOf = (path: string): string[] => path.split("/").map((_, i, parts) => parts.slice(0, i + 1).join("/"));

/** Judges a change by the files of the tree that it makes, of which the base is told. */
const collide = (files: readonly string[], changes: readonly RawChange[]) => {
  const fresh = new Set(changes.filter(({ oldMode }) => oldMode === "000000").map(({ path }) => path));
  const gone = changes.filter(({ newMode }) => newMode === "000000").map(({ path }) => path);
  const base = [...files.filter((path) => !fresh.has(path)), ...gone].flatMap(prefixesOf);
  return judgeCollisions({ base, head: files.flatMap(prefixesOf) }, changes);
};

describe("judgeCollisions", () => {
  it("finds files and folders that differ in spelling only, where the change brings one of them", () => {
    expect(collide(["README.md", "readme.MD"], [added("readme.MD")])).toBeDefined();
    expect(collide(["src/a", "SRC/b"], [added("SRC/b")])).toBeDefined();
    expect(collide(["a/x", "A/y"], [added("a/x"), added("A/y")])).toBeDefined();
  });

  it("leaves alone what was so before, also where it is changed, and what a change takes away", () => {
    expect(collide(["A", "a", "b"], [change("b")])).toBeUndefined();
    expect(collide(["README.md", "readme.md"], [change("readme.md")])).toBeUndefined();
    expect(collide(["Src/a", "src/b", "src/c"], [added("src/c")])).toBeUndefined();
    expect(collide(["a"], [change("A", "000000"), added("a")])).toBeUndefined();
  });

  it("finds a third spelling beside two that were there", () => {
    expect(collide(["README.md", "readme.md", "ReadMe.md"], [added("ReadMe.md")])).toBeDefined();
  });
});

describe("foldedAdditions", () => {
  it("names each file that is added and the folders on the way, folded, and nothing that is only changed", () => {
    expect([...foldedAdditions([added("Src/New.js"), change("README.md")])]).toEqual(["src", "src/new.js"]);
  });
});
