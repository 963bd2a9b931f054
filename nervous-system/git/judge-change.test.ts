import { afterEach, beforeEach, expect, it } from "@jest/globals";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createGit, type Git } from "#nervous-system/git/git.ts";
import { judgeChange } from "#nervous-system/git/judge-change.ts";
import { mustRun } from "#nervous-system/git/must-run.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";

let top: string;
let git: Git;
const tree = async (): Promise<string> => {
  await mustRun(git, ["add", "--all"]);
  return (await mustRun(git, ["write-tree"])).toString().trim();
};

beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), "judge-change-"));
  git = createGit({ dir: top, env: { PATH: process.env["PATH"] }, clock: systemClock() });
  await mustRun(git, ["init", "-q"]);
});
afterEach(() => rm(top, { recursive: true }));

it("judges names as they are, and refuses one that is not UTF-8", async () => {
  await writeFile(Buffer.from(`${top}/was\u00FF`, "latin1"), "there before\n");
  const base = await tree();
  for (const name of ["ü", "\uFEFFmark"]) await writeFile(join(top, name), "1\n");
  const named = await tree();
  expect(await judgeChange(git, base, named)).toMatchObject({ value: [{ path: "ü" }, { path: "\uFEFFmark" }] });
  await writeFile(Buffer.from(`${top}/odd\u00FF`, "latin1"), "1\n");
  expect(await judgeChange(git, named, await tree())).toMatchObject({ kind: "refused", reason: "PathNotAllowed" });
});

it.each([
  ["a repository without a work tree", ["x/HEAD", "x/config", "x/objects/a", "x/refs/heads/a"], ["x/HEAD"]],
  ["one that is there but for its last part", ["x/HEAD", "x/objects/a", "x/refs/a"], ["x/refs/a"]],
  ["the configuration of one that is there", ["x/HEAD", "x/objects/a", "x/refs/a", "x/config"], ["x/config"]],
  ["a file far below one", ["x/HEAD", "x/objects/a", "x/refs/a", "x/hooks/b/c"], ["x/hooks/b/c"]],
  ["one whose objects are elsewhere", ["a/b/HEAD", "a/b/commondir"], ["a/b/commondir"]],
  ["one in another spelling", ["x/head", "x/Objects/a", "x/REFS/a"], ["x/head"]],
])("refuses to write into a folder that Git takes for a repository: %s", async (_, files, changed) => {
  const write = async (paths: readonly string[]): Promise<void> => {
    for (const path of paths) {
      await mkdir(dirname(join(top, path)), { recursive: true });
      await writeFile(join(top, path), "ref: refs/heads/a\n");
    }
  };
  await write(files.filter((path) => !changed.includes(path)));
  const base = await tree();
  await write(changed);
  expect(await judgeChange(git, base, await tree())).toMatchObject({ kind: "refused", reason: "PathNotAllowed" });
});

it("lets folders stand that are called like parts of a repository, and what is beside one", async () => {
  await mkdir(join(top, "fixture.git/objects"), { recursive: true });
  for (const name of ["fixture.git/HEAD", "fixture.git/objects/a", "fixture.git/refs"])
    await writeFile(join(top, name), "1\n");
  const base = await tree();
  for (const name of ["refs", "HEAD", "fixture.gitx"]) await writeFile(join(top, name), "1\n");
  expect(await judgeChange(git, base, await tree())).toMatchObject({ kind: "ok" });
});

const oid = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
const pointer = (version: string): string => `version ${version}\noid sha256:${oid}\nsize 12345\n`;

it.each([
  ["as it is written", pointer("https://git-lfs.github.com/spec/v1")],
  ["by the name that it had before", pointer("https://hawser.github.com/spec/v1")],
  ["by its first name", pointer("http://git-media.io/v/2")],
  ["behind white space", `\n \t\u0085${pointer("https://git-lfs.github.com/spec/v1")}`],
  [
    "before something else, too far away for LFS to see it",
    `${pointer("https://git-lfs.github.com/spec/v1")}${" ".repeat(1024)}\nand more\n`,
  ],
])("refuses what Git LFS takes for a pointer, %s", async (_, content) => {
  const base = await tree();
  await writeFile(join(top, "before"), "x\n".repeat(3000));
  await writeFile(join(top, "model.bin"), content);
  expect(await judgeChange(git, base, await tree())).toMatchObject({ kind: "refused", reason: "EntryNotAllowed" });
});

it("lets a text pass that tells of such a pointer", async () => {
  const base = await tree();
  await writeFile(join(top, "guide.md"), `A pointer:\n\n${pointer("https://git-lfs.github.com/spec/v1")}`);
  expect(await judgeChange(git, base, await tree())).toMatchObject({ kind: "ok" });
});
