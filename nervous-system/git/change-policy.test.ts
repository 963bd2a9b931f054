import { describe, expect, it } from "@jest/globals";
import { defaultPolicy, judgePolicy } from "#nervous-system/git/change-policy.ts";
import type { RawChange } from "#nervous-system/git/raw-diff.ts";
import { growthOf, mostGrowth } from "#test/builders/growth.ts";

const change = (path: string): RawChange => ({
  path,
  newMode: "100644",
  oldMode: "100644",
  oldId: "0".repeat(40),
  newId: "0".repeat(40),
  status: "M",
});

const allows = (pattern: string, path: string): boolean =>
  judgePolicy({ ...defaultPolicy, allowedPaths: [pattern] }, [change(path)]) === undefined;
const denies = (pattern: string, path: string): boolean =>
  judgePolicy({ ...defaultPolicy, deniedPaths: [pattern] }, [change(path)]) !== undefined;

describe("a pattern of paths", () => {
  it.each([
    ["src", "src/a/b.ts"],
    ["src", "src"],
    ["src/*.ts", "src/a.ts"],
    ["**/*.ts", "a.ts"],
    ["**/*.ts", "a/b/c.ts"],
    ["src/**/test", "src/test/x"],
    ["src/**/test", "src/a/b/test/x"],
    ["src/**", "src/a"],
    ["**", "a"],
    ["a*b*c", "axbyc"],
    ["**/a/**/b", "x/a/y/a/z/b"],
  ])("%s matches %s", (pattern, path) => {
    expect(allows(pattern, path)).toBe(true);
    expect(denies(pattern, path)).toBe(true);
  });

  it.each([
    ["src", "source/a"],
    ["src", "a/src/b"],
    ["src/*.ts", "src/a/b.js"],
    ["*.ts", "a/b.js"],
    ["src/**/test", "src/a/tests"],
    ["src/a", "src"],
    ["a*a", "a"],
    ["a*b*b", "axb"],
    ["**/x", "a/b"],
  ])("%s does not match %s", (pattern, path) => {
    expect(allows(pattern, path)).toBe(false);
    expect(denies(pattern, path)).toBe(false);
  });

  it("that denies does so in each spelling, and one that allows only in its own", () => {
    for (const path of ["SRC/Secret.ts", "src/secret.ts ", "ſrc/secret.ts", "s\u200crc/secret.ts"])
      expect(denies("src/Secret.*", path)).toBe(true);
    expect(allows("src", "SRC/a")).toBe(false);
  });

  it("that denies a folder or file denies its streams on Windows, too", () => {
    for (const path of ["secrets::$INDEX_ALLOCATION/a", "secrets:x", "secrets/a::$DATA"])
      expect(denies("secrets", path)).toBe(true);
    expect(denies("secrets:x", "secrets:x")).toBe(true);
    expect(denies("secrets:x", "secrets")).toBe(false);
  });

  it("takes time by the length of pattern and path", () => {
    const judge = (n: number) => {
      const policy = { ...defaultPolicy, deniedPaths: [`${"**/a/".repeat(n)}b`] };
      const changes = [change("a/".repeat(60) + "c")];
      return () => judgePolicy(policy, changes);
    };
    expect(growthOf(400, judge)).toBeLessThan(mostGrowth);
    const names = (n: number) => () => denies("*a*a*a*a*a*a*a*a*b", "a".repeat(n));
    expect(growthOf(50_000, names)).toBeLessThan(mostGrowth);
  });
});

describe("judgePolicy", () => {
  it.each([
    ["!test", /deniedPaths/],
    [" test", /white space/],
    ["test ", /white space/],
    ["**.js", /\*\*\/\*\.js/],
    ["src/a**/b", /whole part/],
    ["***", /whole part/],
  ])("publishes nothing by a list with %j, which means something else elsewhere", (pattern, words) => {
    const allowing = { ...defaultPolicy, allowedPaths: ["**", pattern] };
    const denying = { ...defaultPolicy, deniedPaths: [pattern] };
    expect(judgePolicy(allowing, [change("test/a.js")])).toMatchObject({
      reason: "PathNotInPolicy",
      message: expect.stringMatching(words),
    });
    expect(judgePolicy(denying, [change("src/a.js")])).toMatchObject({
      reason: "PathDenied",
      message: expect.stringMatching(words),
    });
  });

  it("refuses each with its reason, and a denied path that is allowed", () => {
    const policy = { ...defaultPolicy, allowedPaths: ["src"], deniedPaths: ["src/gen"], maxChangedFiles: 2 };
    const judge = (...paths: string[]) => judgePolicy(policy, paths.map(change));
    expect(judge("src/a", "src/b")).toBeUndefined();
    expect(judge("src/a", "src/b", "src/c")).toMatchObject({ reason: "TooManyFiles" });
    expect(judge("src/a", "docs/b")).toMatchObject({ reason: "PathNotInPolicy" });
    expect(judge("src/a", "src/gen/b")).toMatchObject({ reason: "PathDenied" });
    expect(judgePolicy(defaultPolicy, [change("anything")])).toBeUndefined();
  });
});
