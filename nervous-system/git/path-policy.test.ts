import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { foldComponent, judgeChanges, judgePath } from "#nervous-system/git/path-policy.ts";
import type { RawChange } from "#nervous-system/git/raw-diff.ts";
import { growthOf, mostGrowth } from "#test/builders/growth.ts";

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
    "ci/Jenkinsfile.release",
    "Release.Jenkinsfile",
    ".drone.star",
    "buildspec-test.yml",
    "OWNERS",
    "pkg/OWNERS",
    "renovate.json",
    ".RenovateRC.json5",
    ".husky/pre-commit",
    ".VSCode/tasks.json",
    "AGENTS.md",
    "packages/a/CLAUDE.md",
    ".cursor/rules/x.mdc",
    ".mcp.json",
    "netlify.toml",
    ".trivyignore",
    ".tek\u200cton/run.yaml",
    "azure-pipelines.yml. ",
    "\uff4a\uff45\uff4e\uff4b\uff49\uff4e\uff53file",
    "docs/CODEOWNERS",
    ".hg/hgrc",
    "lib/.svn/wc.db",
    "VSCODE~1/tasks.json",
    ".vscode::$INDEX_ALLOCATION/tasks.json",
    "docs/AGENTS.md::$DATA",
    ".husky:x/pre-commit",
    "src/\u202egpj.exe",
    "src/\u2067a",
    "a\u2028b",
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
    "Makefile",
    "package.json",
    "templates/owners/list.html",
    "src/agents/claude.ts",
    "docs/renovate.md",
    "vscode/x",
    "mcp/server.json",
    "ünïcode/文件.txt",
    "jenkins/file",
    "notes~",
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

describe("a new name", () => {
  const added = (path: string) => judgeChanges([change(path, "100644", "000000")]);

  it.each(["src/aux.c", "NUL", "con.txt", "a/LPT1", "com1 .log", "what?.md", "a:b", "notes.", "a ", 'x"y', "a|b"])(
    "that Windows does not take is refused: %j",
    (path) => {
      expect(added(path)).toMatchObject({ kind: "refused", reason: "PathNotAllowed" });
      expect(judgeChanges([change(path)])).toBeUndefined();
    },
  );

  it.each(["aux/a.c", "auxiliary.c", "console.log", "com10", "nulls", "a;b&c.md", "lib/foo::bar/x.t"])(
    "that Windows takes, or in a folder that is there, is not: %j",
    (path) => {
      expect(added(path)).toBeUndefined();
    },
  );

  it("that a terminal would obey is not told as it is", () => {
    const refused = judgeChanges([change("\u001b[2J\u001b]0;x\u0007\u202ea", "120000")]);
    expect(refused?.message).toBe('"\ufffd]0;x\ufffd\ufffda" is a symbolic link, which a proposal may not contain');
  });
});

describe("what a path costs", () => {
  const hostile: ReadonlyArray<readonly [string, (n: number) => string]> = [
    ["dots before a letter", (n) => `${".".repeat(n)}x`],
    ["spaces before a letter", (n) => `${" ".repeat(n)}x`],
    ["what file systems ignore", (n) => `${"\u200c".repeat(n)}.git`],
    ["marks that Unicode sorts", (n) => `a${"\u0301".repeat(n)}${"\u0323".repeat(n)}`],
    ["one letter that becomes eighteen", (n) => "\ufdfa".repeat(n)],
    ["folders without end", (n) => "a/".repeat(n)],
    ["folders without names", (n) => "/".repeat(n)],
  ];

  it.each(hostile)("grows no faster than its length: %s", (_, make) => {
    const judge = (n: number) => {
      const path = make(n);
      return () => judgeChanges([change(path)]);
    };
    expect(growthOf(200_000, judge)).toBeLessThan(mostGrowth);
  });

  it("stays small in the fold, which is only asked for what a file system can have", () => {
    const fold = (make: (n: number) => string) => (n: number) => {
      const names = Array.from({ length: n }, () => make(60));
      return () => names.map(foldComponent);
    };
    for (const [, make] of hostile) expect(growthOf(1_000, fold(make))).toBeLessThan(mostGrowth);
    const dots = (n: number) => () => foldComponent(`${".".repeat(n)}x`);
    expect(growthOf(100_000, dots)).toBeLessThan(mostGrowth);
  });

  it.each([
    ["a/".repeat(63) + "a", undefined],
    ["a/".repeat(64) + "a", "is deeper than 64 folders"],
    ["x".repeat(255), undefined],
    ["x".repeat(256), "has a name longer than 255 bytes"],
    ["ü".repeat(128), "has a name longer than 255 bytes"],
    [`${"x".repeat(255)}/`.repeat(4) + "y", "is longer than 1024 bytes"],
  ])("is bounded by length and depth: %.20s", (path, why) => {
    expect(judgePath(path)).toBe(why);
  });

  it("shows no more of a path than a message takes", () => {
    const refused = judgeChanges([change("x".repeat(100_000))]);
    expect(refused?.message.length).toBeLessThan(300);
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
