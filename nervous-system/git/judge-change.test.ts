import { afterEach, beforeEach, expect, it } from "@jest/globals";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
