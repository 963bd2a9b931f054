import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { changesBetween } from "#nervous-system/git/file-changes.ts";
import { createGit, type Git } from "#nervous-system/git/git.ts";
import { mustRun } from "#nervous-system/git/must-run.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";

let top: string;
let git: Git;
const inTop = (name: string): string => join(top, name);
const run = async (...args: string[]): Promise<string> => (await mustRun(git, args)).toString().trim();
const tree = async (): Promise<string> => {
  await run("add", "--all");
  return run("write-tree");
};

beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), "file-changes-"));
  git = createGit({ dir: top, env: { PATH: process.env["PATH"] }, clock: systemClock() });
  await run("init", "-q");
});
afterEach(() => rm(top, { recursive: true }));

describe("changesBetween", () => {
  it("tells kinds, lines and diffs, each of its own file, where one becomes a link and another a submodule", async () => {
    await mkdir(inTop("d"));
    for (const name of ["link", "module", "d/moved", "text"]) await writeFile(inTop(name), `${name}\n1\n2\n3\n4\n`);
    await writeFile(inTop("bytes"), "\0");
    const before = await tree();
    await rm(inTop("link"));
    await symlink("text", inTop("link"));
    await rename(inTop("d/moved"), inTop("d/näher"));
    await writeFile(inTop("d/näher"), "d/moved\n1\n2\n3\n4\n5\n");
    await writeFile(inTop("text"), "old mac\rdiff --git a/x b/x\r\n\u2028diff --git a/y b/y\n");
    await writeFile(inTop("bytes"), "\0\0");
    await rm(inTop("module"));
    await writeFile(Buffer.from(`${top}/odd\u00FF`, "latin1"), "");
    await tree();
    await run("update-index", "--add", "--cacheinfo", `160000,${"1".repeat(40)},module`);
    const changes = await changesBetween(git, before, await run("write-tree"));
    expect(changes.map(({ patch: _patch, ...facts }) => facts)).toEqual([
      { path: "bytes", change: "modified" },
      { path: "d/näher", change: "renamed", oldPath: "d/moved", added: 1, removed: 0 },
      { path: "link", change: "modified", added: 1, removed: 5 },
      { path: "module", change: "modified", added: 1, removed: 5 },
      { path: "odd\uFFFD", change: "added", added: 0, removed: 0 },
      { path: "text", change: "modified", added: 2, removed: 5 },
    ]);
    const patches = changes.map(({ patch = "" }) => patch);
    expect(patches.map((patch) => patch.split("\n")[0])).toEqual([
      "diff --git a/bytes b/bytes",
      String.raw`diff --git a/d/moved "b/d/n\303\244her"`,
      "diff --git a/link b/link",
      "diff --git a/module b/module",
      String.raw`diff --git "a/odd\377" "b/odd\377"`,
      "diff --git a/text b/text",
    ]);
    expect(patches[2]).toContain("new file mode 120000");
    expect(patches[3]).toContain("+Subproject commit");
    expect(patches[5]).toContain("+\u2028diff --git a/y b/y");
  });

  it("leaves out diffs that are too large together, and nothing else", async () => {
    const before = await tree();
    await writeFile(inTop("a"), `${"1".repeat(2 ** 20)}\n`.repeat(33));
    await writeFile(inTop("b"), "1\n");
    expect(await changesBetween(git, before, await tree())).toEqual([
      { path: "a", change: "added", added: 33, removed: 0 },
      { path: "b", change: "added", added: 1, removed: 0 },
    ]);
  });
});
