import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGit, type Git } from "#nervous-system/git/git.ts";
import { mustRun } from "#nervous-system/git/must-run.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { waitForHead } from "#supervisor/publish/wait-for-head.ts";

let repo: string;
let git: Git;
let commit: string;
let other: string;

const author = { GIT_AUTHOR_NAME: "a", GIT_AUTHOR_EMAIL: "a@b.invalid" };
const committer = { GIT_COMMITTER_NAME: "a", GIT_COMMITTER_EMAIL: "a@b.invalid" };

beforeEach(async () => {
  repo = await mkdtemp(join(tmpdir(), "wait-for-head-"));
  git = createGit({ dir: repo, env: { PATH: process.env["PATH"] }, protocols: ["file"], clock: systemClock() });
  await mustRun(git, ["init", "-q", "--bare"]);
  const tree = (await mustRun(git, ["mktree"], { input: "" })).toString().trim();
  const commitOf = async (message: string): Promise<string> =>
    (await mustRun(git, ["commit-tree", tree, "-m", message], { env: { ...author, ...committer } })).toString().trim();
  [commit, other] = [await commitOf("one"), await commitOf("other")];
});
afterEach(() => rm(repo, { recursive: true }));

/** A clock on which the forge gets on with its work while somebody waits. */
const clockWith = (onSleep: (slept: number) => Promise<unknown>) => {
  let slept = 0;
  return { sleep: async () => void (await onSleep((slept += 1))), slept: () => slept };
};

describe("the head of a pull request from a fork", () => {
  it("is waited for until the repository itself holds it", async () => {
    const clock = clockWith(async (slept) => {
      if (slept === 3) await mustRun(git, ["update-ref", "refs/pull/4/head", commit]);
    });
    expect(await waitForHead(git, { repo, number: 4, commit }, { clock })).toEqual({ kind: "ok", value: undefined });
    expect(clock.slept()).toBe(3);
  });

  it("is looked for again later where it does not come, or is another one", async () => {
    // Listed before the one that is meant, since Git looks at how a name ends.
    await mustRun(git, ["update-ref", "refs/heads/refs/pull/4/head", commit]);
    await mustRun(git, ["update-ref", "refs/pull/4/head", other]);
    const clock = clockWith(async () => undefined);
    expect(await waitForHead(git, { repo, number: 4, commit }, { clock })).toMatchObject({ kind: "retry" });
    expect(clock.slept()).toBe(19);
  });
});
