import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { changesBetween } from "#nervous-system/git/file-changes.ts";
import { createGit, type Git } from "#nervous-system/git/git.ts";
import { manualClock, systemClock } from "#nervous-system/kernel/clock.ts";
import { createDependencyReader, type DependencyReader } from "./dependency-reader.ts";

let top: string;
let git: Git;
let reader: DependencyReader;
let tree: string;

const call = (...args: string[]): string => execFileSync("git", args, { cwd: top, encoding: "utf8" }).trim();
const write = async (files: Readonly<Record<string, string>>): Promise<void> => {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(top, path)), { recursive: true });
    await writeFile(join(top, path), text);
  }
};
const snapshot = (): string => {
  call("add", "-A");
  return call("write-tree");
};

/** What each file that changed since the last call depends on; undefined where that is not known. */
const look = async (signal?: AbortSignal): Promise<Record<string, readonly string[] | undefined>> => {
  const [before, after] = [tree, snapshot()];
  tree = after;
  const changes = await changesBetween(git, before, after);
  const known = await reader.addTo({ before, after, changes }, signal);
  expect(known.map(({ path }) => path)).toEqual(changes.map(({ path }) => path));
  return Object.fromEntries(known.map(({ path, dependsOn }) => [path, dependsOn]));
};

beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), "dependencies-"));
  call("init", "-q");
  git = createGit({ dir: top, clock: systemClock(), env: { PATH: process.env["PATH"] } });
  reader = createDependencyReader({ git, clock: systemClock(), withinMs: 20_000 });
  tree = snapshot();
});
afterEach(async () => {
  await reader.close();
  await rm(top, { recursive: true });
});

describe("what changed files depend on", () => {
  it("is told of files that came, changed and were renamed, by the tree that they are in then", async () => {
    await write({ "src/a.ts": 'import "./b.js";\nimport "lodash";\n', "src/b.ts": "", "notes.txt": "import x\n" });
    expect(await look()).toEqual({
      "src/a.ts": ["pkg:npm/lodash", "src/b.ts"],
      "src/b.ts": [],
      "notes.txt": undefined,
    });
    await write({ "src/b.ts": 'export * from "./none";\nexport * from "./a";\n' });
    expect(await look()).toEqual({ "src/b.ts": ["src/a.ts"] });
    await write({ "src/none.ts": "" });
    await rename(join(top, "src/a.ts"), join(top, "a.ts"));
    expect(await look()).toEqual({ "a.ts": ["pkg:npm/lodash"], "src/none.ts": [] });
    await write({ "src/b.ts": 'export * from "./none";\n' });
    expect(await look()).toEqual({ "src/b.ts": ["src/none.ts"] });
    await rm(join(top, "src/none.ts"));
    expect(await look()).toEqual({ "src/none.ts": undefined });
  });

  it("is told by manifests of the same tree", async () => {
    await write({
      "go.mod": "module example.com/m\n",
      "main.go": 'package main\nimport "example.com/m/p"\n',
      "p/p.go": "package p\n",
    });
    expect(await look()).toMatchObject({ "main.go": ["p/p.go"], "p/p.go": [] });
    await write({
      "go.mod": "module example.com/other\n",
      "main.go": 'package main\nimport ("example.com/m/p"; "fmt")\n',
    });
    expect(await look()).toMatchObject({ "main.go": ["pkg:golang/example.com/m/p"] });
  });

  it("is not known of links, of what is no text and of what is large", async () => {
    await write({
      "zero.py": "import a\n\0",
      "large.py": `import a\n${"#".repeat(1 << 20)}`,
      "just.py": "import a\n",
    });
    await symlink("just.py", join(top, "link.py"));
    expect(await look()).toEqual({
      "zero.py": undefined,
      "large.py": undefined,
      "just.py": ["pkg:pypi/a"],
      "link.py": undefined,
    });
  });

  it("is told of files of any name", async () => {
    const names = ["-x.py", ":(top)y.py", "a b\n'ü.py", "*.py", "[z].py"];
    await write(Object.fromEntries(names.map((name) => [name, "import a\n"])));
    expect(await look()).toEqual(Object.fromEntries(names.map((name) => [name, ["pkg:pypi/a"]])));
  });

  it("is left out where there is no time, and known again later", async () => {
    await write({ "a.py": "import b\n" });
    expect(await look(AbortSignal.abort())).toEqual({ "a.py": undefined });
    await write({ "a.py": "import c\n" });
    expect(await look()).toEqual({ "a.py": ["pkg:pypi/c"] });
    const clock = manualClock();
    const late = createDependencyReader({ git, clock, withinMs: 100 });
    const [before, after] = [call("hash-object", "-t", "tree", "/dev/null"), tree];
    const asked = late.addTo({ before, after, changes: [{ path: "a.py", change: "modified" }] });
    await clock.advance(100);
    expect(await asked).toEqual([{ path: "a.py", change: "modified" }]);
    await late.close();
  });

  it("is left out where Git fails", async () => {
    const changes = [{ path: "a.py", change: "modified" as const }];
    expect(await reader.addTo({ before: tree, after: "0".repeat(40), changes })).toEqual(changes);
  });
});
