import type { Git } from "#nervous-system/git/git.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { done, retry, type Step } from "#supervisor/publish/proposal.ts";
import { readRemoteHead } from "#supervisor/publish/push-branch.ts";

const looks = 20;
const pauseMs = 500;

/** The pull request whose head is waited for. */
type Shown = { readonly repo: string; readonly number: number; readonly commit: string };

/** What waiting takes. */
type Waiting = { readonly clock: Pick<Clock, "sleep">; readonly signal?: AbortSignal | undefined };

/**
 * Waits until the repository itself holds the head of a pull request from a fork, at `refs/pull/<number>/head`: forges bring it over
 * in their own time, and whoever verifies it reads it there, without a right in the fork.
 */
export const waitForHead = async (
  git: Git,
  { repo, number, commit }: Shown,
  { clock, signal }: Waiting,
): Promise<Step<void>> => {
  for (let look = 1; look <= looks; look += 1) {
    const head = await readRemoteHead(git, repo, `refs/pull/${number}/head`);
    if (head.kind !== "ok") return head;
    if (head.value === commit) return done(undefined);
    if (look < looks) await clock.sleep(pauseMs, signal);
  }
  return retry(`the forge does not show ${commit} as the head of pull request ${number} yet`);
};
