import { superseded } from "#nervous-system/fold/proposals.ts";
import type { Git } from "#nervous-system/git/git.ts";
import { done, refuse, retry, type Proposal, type Step } from "#supervisor/publish/proposal.ts";
import { fetchOnly, judgeServerFailure } from "#supervisor/publish/scratch-repository.ts";
import { judgeStanding } from "#supervisor/publish/write-commit.ts";
import { serverRef } from "#supervisor/publish/inspect-bundle.ts";

/** What is pushed, and what it was made of. */
type Push = { readonly branch: string; readonly commit: string; readonly proposal: Proposal };

/** Brings the server's branch into the scratch repository. */
export const fetchServerBranch = async (git: Git, repo: string, ref: string): Promise<Step<void>> => {
  const fetched = await git.run([...fetchOnly, repo, `refs/heads/${ref}:${serverRef}`], { subject: repo });
  return fetched.kind === "failed" ? judgeServerFailure(fetched) : done(undefined);
};

/** What a full ref of a repository points to, if it is there. */
export const readRemoteHead = async (git: Git, repo: string, ref: string): Promise<Step<string | undefined>> => {
  const listed = await git.run(["ls-remote", repo, ref], { subject: repo });
  if (listed.kind === "failed") return judgeServerFailure(listed);
  // Git lists whatever ends so, too: a branch can be called `refs/pull/1/head`.
  const lines = listed.stdout.toString("utf8").split("\n");
  return done(lines.find((line) => line.endsWith(`\t${ref}`))?.split("\t")[0]);
};

/** What a commit on the branch is to a proposal that is about to take its place. */
const readStanding = async (git: Git, repo: string, { branch, proposal }: Push): Promise<Step<void>> => {
  const fetched = await git.run([...fetchOnly, repo, `+refs/heads/${branch}:refs/server/existing`], { subject: repo });
  if (fetched.kind === "failed") return judgeServerFailure(fetched);
  const shown = await git.run(["cat-file", "commit", "refs/server/existing"]);
  switch (shown.kind === "ok" ? judgeStanding(shown.stdout.toString("utf8"), proposal) : "foreign") {
    case "own":
      return done(undefined);
    case "later":
      return refuse(superseded, `a later proposal of the same agent is on the branch "${branch}"`);
    case "foreign":
      return refuse("BranchTaken", `the branch "${branch}" holds work that is not this agent's: delete or rename it`);
  }
};

/**
 * Makes the branch point to the commit. A branch that does already is left alone (the push of a crashed attempt); one that holds an
 * older proposal of the same agent is replaced if it is still what was read; a later one and anyone else's are not touched. So whatever
 * order proposals come in, or come again, the branch only goes forward.
 */
export const pushBranch = async (git: Git, repo: string, push: Push): Promise<Step<void>> => {
  const head = await readRemoteHead(git, repo, `refs/heads/${push.branch}`);
  if (head.kind !== "ok") return head;
  if (head.value === push.commit) return done(undefined);
  if (head.value !== undefined) {
    const replaceable = await readStanding(git, repo, push);
    if (replaceable.kind !== "ok") return replaceable;
  }
  const lease = `--force-with-lease=refs/heads/${push.branch}:${head.value ?? ""}`;
  const pushed = await git.run(
    ["push", "--quiet", "--no-verify", lease, repo, `${push.commit}:refs/heads/${push.branch}`],
    {
      subject: repo,
    },
  );
  if (pushed.kind === "ok") return done(undefined);
  if (/stale info/.test(pushed.stderr)) return retry(`the branch "${push.branch}" changed in the meantime`);
  return pushed.reason === "PushRejected" ? refuse("PushRejected", pushed.message) : judgeServerFailure(pushed);
};
