import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { foldComponent, judgeChanges, judgeCollisions, judgePath } from "#nervous-system/git/path-policy.ts";
import type { RawChange } from "#nervous-system/git/raw-diff.ts";

const change = (path: string, newMode = "100644", oldMode = "100644"): RawChange => ({
  path,
  newMode,
  oldMode,
  oldId: "0".repeat(40),
  newId: "0".repeat(40),
  status: "M",
});

describe("judgePath", () => {
  it.each([
    ".git/config",
    "a/.GIT/hooks/pre-commit",
    "a/GIT~1/config",
    ".gi\u200ct/config",
    ".git./x",
    ".gitmodules",
    ".gitattributes",
    ".gitconfig",
    ".github/workflows/ci.yml",
    ".gitea/workflows/ci.yaml",
    ".forgejo/workflows/ci.yaml",
    ".gitlab-ci.yml",
    ".circleci/config.yml",
    "Jenkinsfile",
    "docs/CODEOWNERS",
    "a/../b",
    "./a",
    "a//b",
    "a\\b",
    "a\nb",
    "\u0000",
  ])("refuses %j", (path) => {
    expect(judgePath(path)).toBeDefined();
  });

  it.each([
    "src/add.js",
    ".gitignore",
    "a/.gitkeep",
    "github/x.md",
    "my.git/x",
    "Dockerfile",
    "ünïcode/文件.txt",
    "jenkins/file",
  ])("accepts %j", (path) => {
    expect(judgePath(path)).toBeUndefined();
  });

  it("cannot be passed by a .git in any case with characters that file systems ignore", () => {
    const ignorable = fc.constantFrom("", "\u200c", "\u200d", "\ufeff", "\u2060", "\u00ad");
    const letters = fc.tuple(fc.constantFrom("g", "G"), fc.constantFrom("i", "I"), fc.constantFrom("t", "T"));
    fc.assert(
      fc.property(
        letters,
        fc.array(ignorable, { minLength: 4, maxLength: 4 }),
        fc.constantFrom("", ".", " ", ". "),
        (git, gaps, tail) => {
          const component = `.${gaps[0]}${git[0]}${gaps[1]}${git[1]}${gaps[2]}${git[2]}${gaps[3]}${tail}`;
          expect(foldComponent(component)).toBe(".git");
          expect(judgePath(`x/${component}/y`)).toBeDefined();
        },
      ),
    );
  });
});

describe("judgeChanges", () => {
  it("refuses links, submodules and odd modes, also where they are taken away", () => {
    expect(judgeChanges([change("a", "120000")])).toMatchObject({ reason: "EntryNotAllowed" });
    expect(judgeChanges([change("a", "000000", "120000")])).toMatchObject({ reason: "EntryNotAllowed" });
    expect(judgeChanges([change("a", "160000")])).toMatchObject({ reason: "EntryNotAllowed" });
    expect(judgeChanges([change("a", "100664")])).toMatchObject({ reason: "EntryNotAllowed" });
  });

  it("accepts two hundred files and refuses one more", () => {
    const files = (count: number) => Array.from({ length: count }, (_, i) => change(`f${i}`));
    expect(judgeChanges(files(200))).toBeUndefined();
    expect(judgeChanges(files(201))).toMatchObject({ reason: "TooManyFiles" });
    expect(judgeChanges([])).toMatchObject({ reason: "NothingChanged" });
  });
});

describe("judgeCollisions", () => {
  const added = (path: string): RawChange => change(path, "100644", "000000");

  it("finds files and folders that differ in spelling only, where the change brings one of them", () => {
    expect(judgeCollisions(["README.md", "readme.MD"], [added("readme.MD")])).toBeDefined();
    expect(judgeCollisions(["src/a", "SRC/b"], [added("SRC/b")])).toBeDefined();
    expect(judgeCollisions(["a/x", "A/y"], [added("a/x"), added("A/y")])).toBeDefined();
  });

  it("leaves alone what was so before, also where it is changed, and what a change takes away", () => {
    expect(judgeCollisions(["A", "a", "b"], [change("b")])).toBeUndefined();
    expect(judgeCollisions(["README.md", "readme.md"], [change("readme.md")])).toBeUndefined();
    expect(judgeCollisions(["Src/a", "src/b", "src/c"], [added("src/c")])).toBeUndefined();
    expect(judgeCollisions(["a"], [change("A", "000000"), added("a")])).toBeUndefined();
  });

  it("finds a third spelling beside two that were there", () => {
    expect(judgeCollisions(["README.md", "readme.md", "ReadMe.md"], [added("ReadMe.md")])).toBeDefined();
  });
});
