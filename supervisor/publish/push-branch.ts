import type { Git } from "#nervous-system/git/git.ts";
import { done, refuse, retry, type Step } from "#supervisor/publish/proposal.ts";
import { fetchOnly, judgeServerFailure } from "#supervisor/publish/scratch-repository.ts";
import { serverRef } from "#supervisor/publish/inspect-bundle.ts";

/** Brings the server's branch into the scratch repository. */
export const fetchServerBranch = async (git: Git, repo: string, ref: string): Promise<Step<void>> => {
  const fetched = await git.run([...fetchOnly, repo, `refs/heads/${ref}:${serverRef}`], { subject: repo });
  return fetched.kind === "failed" ? judgeServerFailure(fetched) : done(undefined);
};

const readRemoteHead = async (git: Git, repo: string, branch: string): Promise<Step<string | undefined>> => {
  const listed = await git.run(["ls-remote", repo, `refs/heads/${branch}`], { subject: repo });
  if (listed.kind === "failed") return judgeServerFailure(listed);
  const [head] = listed.stdout.toString("utf8").split("\t");
  return done(head === "" ? undefined : head);
};

/** Whether a commit on the branch was written by the publisher for the same agent, by its trailers. */
const isOurs = async (git: Git, repo: string, branch: string, trailers: readonly string[]): Promise<Step<boolean>> => {
  const fetched = await git.run([...fetchOnly, repo, `+refs/heads/${branch}:refs/server/existing`], { subject: repo });
  if (fetched.kind === "failed") return judgeServerFailure(fetched);
  const shown = await git.run(["cat-file", "commit", "refs/server/existing"]);
  const lines = shown.kind === "ok" ? shown.stdout.toString("utf8").split("\n") : [];
  return done(trailers.every((trailer) => lines.includes(trailer)));
};

/**
 * Makes the branch point to the commit. A branch that does already is left alone (the push of a crashed attempt); one that holds an
 * older proposal of the same agent is replaced if it is still what was read; anyone else's is not touched.
 */
export const pushBranch = async (
  git: Git,
  repo: string,
  push: { readonly branch: string; readonly commit: string; readonly trailers: readonly string[] },
): Promise<Step<void>> => {
  const head = await readRemoteHead(git, repo, push.branch);
  if (head.kind !== "ok") return head;
  if (head.value === push.commit) return done(undefined);
  if (head.value !== undefined) {
    const ours = await isOurs(git, repo, push.branch, push.trailers);
    if (ours.kind !== "ok") return ours;
    if (!ours.value)
      return refuse(
        "BranchTaken",
        `the branch "${push.branch}" holds work that is not this agent's: delete or rename it`,
      );
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
