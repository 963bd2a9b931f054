import { mkdir, rm } from "node:fs/promises";
import type { Git, GitResult, GitRunOptions } from "#nervous-system/git/git.ts";
import { objectFormatLike } from "#nervous-system/git/object-format.ts";

/** A branch as the bare repository calls it, the ref that the remote has it under, and the commit there. */
type RemoteBranch = { name: string; remote: string; commit: string };

const refsIn = (listing: string): ReadonlyMap<string, string> =>
  new Map(
    listing.split("\n").flatMap((line) => {
      const [, commit, name] = /^([0-9a-f]{40,64})\t(\S+)$/.exec(line) ?? [];
      return commit === undefined || name === undefined ? [] : [[name, commit] as const];
    }),
  );

/** Why a repository could not be fetched, in the words of the pod's termination message. */
export type FetchReason =
  | "RepositoryNotFound"
  | "AuthenticationFailed"
  | "RefNotFound"
  | "RepositoryUnreachable"
  /** The repository's host has no address. */
  | "HostNotFound"
  /** The gateway may not connect to it. */
  | "HostNotAllowed"
  /** The mission's Secret was taken back since the pod was made. */
  | "SecretNotAllowed"
  /** The pod reaches what its NetworkPolicy does not name. */
  | "NetworkPolicyNotEnforced"
  /** Nothing answers by which the pod could tell whether its NetworkPolicy is enforced. */
  | "CollectorUnreachable";

/** What `fetch` came to. */
export type FetchOutcome =
  | {
      kind: "fetched";
      commit: string;
      /** What the branch held on the server: where a commit was asked for, that may be another one. */
      head: string;
    }
  | { kind: "failed"; reason: FetchReason; message: string };

/** What to clone and where to. */
type CloneOptions = {
  url: string;
  /** Name of a branch. */
  branch: string;
  /** The pull request whose head the branch is, where it is in a fork. */
  pull?: number | undefined;
  /** 40 or 64 hex digits; the head of the branch without it. */
  baseCommit: string | undefined;
  /** The bare repository to make; what stands there is removed. */
  directory: string;
  /** Runs Git in `directory` with the credential, the proxy and the CAs. */
  git: Git;
};

const reasons = new Set<string>(["RepositoryNotFound", "AuthenticationFailed", "RefNotFound", "RepositoryUnreachable"]);

// A repository that moved will not come back: asking again is in vain.
const isAway = (reason: string): boolean => reason === "Redirected" || reason === "ProtocolNotAllowed";

const reasonOf = (reason: string): FetchReason => {
  if (isAway(reason)) return "RepositoryNotFound";
  return reasons.has(reason) ? (reason as FetchReason) : "RepositoryUnreachable";
};

const failed = (result: Extract<GitResult, { kind: "failed" }>): FetchOutcome => ({
  kind: "failed",
  reason: reasonOf(result.reason),
  message: result.message,
});

const refMissing = (message: string): FetchOutcome => ({ kind: "failed", reason: "RefNotFound", message });

const lsRemote = async ({ git, url }: CloneOptions, refs: readonly string[], how: GitRunOptions) => {
  // Asked for by name, so that a server with a million refs sends only these.
  const listed = await git.run(["ls-remote", "--", url, ...refs], how);
  return listed.kind === "failed" ? failed(listed) : refsIn(listed.stdout.toString("utf8"));
};

// What a fork's branch holds the repository has under the number of the pull request.
const resolvePull = async (
  options: CloneOptions,
  pull: number,
  how: GitRunOptions,
): Promise<RemoteBranch | FetchOutcome> => {
  const remote = `refs/pull/${pull}/head`;
  const refs = await lsRemote(options, [remote], how);
  if ("kind" in refs) return refs;
  const commit = refs.get(remote);
  return commit === undefined
    ? refMissing(`the repository ${options.url} has no ${remote}`)
    : { name: `refs/heads/${options.branch}`, remote, commit };
};

// Only a branch can be proposed to: anything else would be refused once the work is done.
const resolveBranch = async (options: CloneOptions, how: GitRunOptions): Promise<RemoteBranch | FetchOutcome> => {
  const { url, branch } = options;
  const [head, tag] = [`refs/heads/${branch}`, `refs/tags/${branch}`];
  const refs = await lsRemote(options, [head, tag], how);
  if ("kind" in refs) return refs;
  const commit = refs.get(head);
  if (commit !== undefined) return { name: head, remote: head, commit };
  const what = refs.has(tag) ? `"${branch}" of ${url} is a tag` : `the repository ${url} has no branch "${branch}"`;
  return refMissing(`${what}; name a branch in workspace.ref, because the pull request is opened against it`);
};

/** Whether the commit came with the branch, or comes when it is asked for by its own name. */
const obtainCommit = async (options: CloneOptions, commit: string, how: GitRunOptions): Promise<boolean> => {
  const { git, url } = options;
  const here = await git.run(["cat-file", "-e", `${commit}^{commit}`], how);
  if (here.kind === "ok") return true;
  const asked = await git.run(["fetch", "--quiet", "--no-tags", "--", url, commit], how);
  return asked.kind === "ok";
};

const peel = async (git: Git, ref: string): Promise<string | undefined> => {
  const peeled = await git.run(["rev-parse", "--verify", "--quiet", `${ref}^{commit}`]);
  return peeled.kind === "ok" ? peeled.stdout.toString("utf8").trim() : undefined;
};

/** Makes the commit what a plain clone of the bare repository checks out. */
const pointHead = async ({ git }: CloneOptions, { name }: RemoteBranch, commit: string): Promise<GitResult> => {
  const moved = await git.run(["update-ref", name, commit]);
  if (moved.kind === "failed") return moved;
  return git.run(["symbolic-ref", "HEAD", name]);
};

/** Clones the whole history of one branch into a fresh bare repository whose HEAD is exactly the commit asked for. */
export const cloneBare = async (options: CloneOptions): Promise<FetchOutcome> => {
  const { git, url, directory, pull, baseCommit } = options;
  const how: GitRunOptions = { subject: url };
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const found = await (pull === undefined ? resolveBranch(options, how) : resolvePull(options, pull, how));
  if ("kind" in found) return found;
  const made = await git.run(["init", "--quiet", "--bare", "--template=", objectFormatLike(found.commit), "."]);
  if (made.kind === "failed") return failed(made);
  const fetched = await git.run(["fetch", "--quiet", "--no-tags", "--", url, `+${found.remote}:${found.name}`], how);
  if (fetched.kind === "failed") return failed(fetched);
  if (baseCommit !== undefined && !(await obtainCommit(options, baseCommit, how))) {
    return refMissing(
      `the repository ${url} has no commit ${baseCommit}; was the branch "${options.branch}" rewritten?`,
    );
  }
  const commit = await peel(git, baseCommit ?? found.name);
  if (commit === undefined) return refMissing(`"${options.branch}" of ${url} is not a commit`);
  const pointed = await pointHead(options, found, commit);
  return pointed.kind === "failed" ? failed(pointed) : { kind: "fetched", commit, head: found.commit };
};
