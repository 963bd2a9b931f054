import { afterEach, beforeEach, expect, it } from "@jest/globals";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGit, type Git } from "#nervous-system/git/git.ts";
import { mustRun } from "#nervous-system/git/must-run.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { aProposal } from "#test/builders/proposal.ts";
import { pushBranch } from "./push-branch.ts";
import { renderCommitMessage } from "./write-commit.ts";

const env = { PATH: process.env["PATH"] };
const clock = systemClock();
const branch = "swarm/fix-m/fix-coder";

let top: string;
let server: string;
let git: Git;

const textOf = async (of: Git, ...args: string[]): Promise<string> => (await mustRun(of, args)).toString().trim();
const commit = async (message: string): Promise<string> => {
  const tree = await textOf(git, "mktree", "--missing");
  const who = { GIT_AUTHOR_NAME: "a", GIT_AUTHOR_EMAIL: "a@b", GIT_COMMITTER_NAME: "a", GIT_COMMITTER_EMAIL: "a@b" };
  return (await mustRun(git, ["commit-tree", tree], { input: message, env: who })).toString().trim();
};
const onServer = (): Promise<string> => textOf(createGit({ gitDir: server, env, clock }), "rev-parse", branch);

beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), "push-branch-"));
  server = join(top, "server.git");
  git = createGit({ dir: top, gitDir: join(top, "own.git"), env, clock, protocols: ["file"] });
  for (const gitDir of [server, join(top, "own.git")])
    await mustRun(createGit({ env, clock }), ["init", "-q", "--bare", gitDir]);
});
afterEach(() => rm(top, { recursive: true }));

it("takes no other ref of the server for the branch, such as a mirror's copy whose name ends like it", async () => {
  const proposal = aProposal();
  const copy = await commit("what somebody kept of an earlier mission");
  await mustRun(git, ["push", "-q", server, `${copy}:refs/backup/refs/heads/${branch}`]);
  const first = await commit(renderCommitMessage(proposal));
  expect(await pushBranch(git, server, { branch, commit: first, proposal })).toMatchObject({ kind: "ok" });
  expect(await onServer()).toBe(first);
  const later = { ...proposal, seq: proposal.seq + 1 };
  const second = await commit(renderCommitMessage(later));
  expect(await pushBranch(git, server, { branch, commit: second, proposal: later })).toMatchObject({ kind: "ok" });
  expect(await onServer()).toBe(second);
});
