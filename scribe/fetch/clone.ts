import { mkdir, rm } from "node:fs/promises";
import type { Git, GitResult, GitRunOptions } from "#nervous-system/git/git.ts";

/** A ref of the remote: its full name, what it points to, and the branch that the clone gives it. */
type RemoteRef = { name: string; commit: string; branch: string };

type Listed = { name: string; commit: string };

const parseListing = (output: string): { refs: Listed[]; head: string | undefined } => {
  const lines = output.split("\n");
  const symref = lines.map((line) => /^ref: (\S+)\tHEAD$/.exec(line)?.[1]).find((name) => name !== undefined);
  const refs = lines.flatMap((line) => {
    const [, commit, name] = /^([0-9a-f]{40,64})\t(\S+)$/.exec(line) ?? [];
    return commit === undefined || name === undefined ? [] : [{ name, commit }];
  });
  return { refs, head: symref };
};

const branchOf = (name: string): string => (name.startsWith("refs/heads/") ? name.slice("refs/heads/".length) : "base");

/** What to ask `ls-remote` for, so that a server with a million refs sends only these. */
const listedPatterns = (wanted: string): string[] =>
  wanted === "HEAD" ? ["HEAD"] : ["HEAD", wanted, `refs/heads/${wanted}`, `refs/tags/${wanted}`];

/** Finds `wanted` (a branch, a tag, a full ref or HEAD) in the output of `git ls-remote --symref`; branches go before tags. */
const findRef = (output: string, wanted: string): RemoteRef | undefined => {
  const { refs, head } = parseListing(output);
  const candidates = wanted === "HEAD" ? ["HEAD"] : [wanted, `refs/heads/${wanted}`, `refs/tags/${wanted}`];
  for (const name of candidates) {
    if (name !== "HEAD" && !name.startsWith("refs/")) continue;
    const found = refs.find((ref) => ref.name === name);
    if (found === undefined) continue;
    const target = name === "HEAD" ? (head ?? "HEAD") : name;
    return { name: target, commit: found.commit, branch: branchOf(target) };
  }
  return undefined;
};

/** Why a repository could not be fetched, in the words of the pod's termination message. */
type FetchReason = "RepositoryNotFound" | "AuthenticationFailed" | "RefNotFound" | "RepositoryUnreachable";

/** What `fetch` came to. */
export type FetchOutcome =
  | { kind: "fetched"; commit: string }
  | { kind: "failed"; reason: FetchReason; message: string };

/** What to clone and where to. */
type CloneOptions = {
  url: string;
  ref: string;
  /** 40 or 64 hex digits; the head of the ref without it. */
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

const resolveRef = async (options: CloneOptions, how: GitRunOptions): Promise<RemoteRef | FetchOutcome> => {
  const { git, url, ref } = options;
  const listed = await git.run(["ls-remote", "--symref", "--", url, ...listedPatterns(ref)], how);
  if (listed.kind === "failed") return failed(listed);
  const found = findRef(listed.stdout.toString("utf8"), ref);
  return (
    found ?? refMissing(`the repository ${url} has no branch or tag "${ref}"; name one that it has in workspace.ref`)
  );
};

/** Whether the commit came with the ref, or comes when it is asked for by its own name. */
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
const pointHead = async ({ git }: CloneOptions, { branch }: RemoteRef, commit: string): Promise<GitResult> => {
  const moved = await git.run(["update-ref", `refs/heads/${branch}`, commit]);
  if (moved.kind === "failed") return moved;
  return git.run(["symbolic-ref", "HEAD", `refs/heads/${branch}`]);
};

/** Clones the whole history of one ref into a fresh bare repository whose HEAD is exactly the commit asked for. */
export const cloneBare = async (options: CloneOptions): Promise<FetchOutcome> => {
  const { git, url, directory, baseCommit } = options;
  const how: GitRunOptions = { subject: url };
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const found = await resolveRef(options, how);
  if ("kind" in found) return found;
  const made = await git.run(["init", "--quiet", "--bare", "--template=", "."]);
  if (made.kind === "failed") return failed(made);
  // Under its own name: a branch cannot hold an annotated tag.
  const place = found.name.startsWith("refs/") ? found.name : `refs/heads/${found.branch}`;
  const fetched = await git.run(["fetch", "--quiet", "--no-tags", "--", url, `+${found.name}:${place}`], how);
  if (fetched.kind === "failed") return failed(fetched);
  if (baseCommit !== undefined && !(await obtainCommit(options, baseCommit, how))) {
    return refMissing(`the repository ${url} has no commit ${baseCommit}; was the branch "${found.branch}" rewritten?`);
  }
  const commit = await peel(git, baseCommit ?? place);
  if (commit === undefined) return refMissing(`"${options.ref}" of ${url} is not a commit`);
  const pointed = await pointHead(options, found, commit);
  return pointed.kind === "failed" ? failed(pointed) : { kind: "fetched", commit };
};
