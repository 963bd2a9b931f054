import type { Git } from "#nervous-system/git/git.ts";
import { parseBundleHeader } from "#supervisor/publish/bundle.ts";
import { judgeChanges, judgeCollisions } from "#supervisor/publish/path-policy.ts";
import { done, refuse, type Proposal, type Step } from "#supervisor/publish/proposal.ts";
import { parseNames, parseRawDiff, type RawChange } from "#supervisor/publish/raw-diff.ts";
import { judgeBundleFailure, type ScratchRepository } from "#supervisor/publish/scratch-repository.ts";

/** The ref that the server's branch is kept under. */
export const serverRef = "refs/server/branch";

const proposalRef = "refs/proposal/head";
const maxChangedBytes = 64 * 1024 * 1024;

const isAncestor = async (git: Git, ancestor: string, descendant: string): Promise<boolean> =>
  (await git.run(["merge-base", "--is-ancestor", ancestor, descendant])).kind === "ok";

const importBundle = async (scratch: ScratchRepository, bytes: Buffer, proposal: Proposal): Promise<Step<void>> => {
  const header = parseBundleHeader(bytes);
  if (header.kind === "refused") return header;
  if (header.value.head !== proposal.head)
    return refuse("InvalidBundle", `the bundle's head is ${header.value.head}, the proposal's ${proposal.head}`);
  await scratch.writeBundle(bytes);
  const verified = await scratch.inspect.run(["bundle", "verify", "--quiet", scratch.bundleFile]);
  if (verified.kind === "failed") return judgeBundleFailure(verified);
  const fetched = await scratch.inspect.run([
    "fetch",
    "--quiet",
    "--no-tags",
    "--no-recurse-submodules",
    "--no-write-fetch-head",
    "--no-auto-maintenance",
    scratch.bundleFile,
    `refs/heads/proposal:${proposalRef}`,
  ]);
  return fetched.kind === "failed" ? judgeBundleFailure(fetched) : done(undefined);
};

const judgeBase = async (git: Git, { base, head, branch }: Proposal): Promise<Step<void>> => {
  if (!(await isAncestor(git, base, serverRef)))
    return refuse("BaseNotFound", `the base ${base} is not part of "${branch}" on the server`);
  if (!(await isAncestor(git, base, head)))
    return refuse("BaseNotFound", `the proposed commit ${head} does not start from the base ${base}`);
  return done(undefined);
};

const judgeBlobs = async (git: Git, changes: readonly RawChange[]): Promise<Step<void>> => {
  const ids = [...new Set(changes.filter(({ newMode }) => newMode !== "000000").map(({ newId }) => newId))];
  if (ids.length === 0) return done(undefined);
  const checked = await git.run(["cat-file", "--batch-check=%(objecttype) %(objectsize)"], {
    input: `${ids.join("\n")}\n`,
  });
  if (checked.kind === "failed") return judgeBundleFailure(checked);
  const lines = checked.stdout.toString("utf8").trimEnd().split("\n");
  if (lines.some((line) => !line.startsWith("blob "))) return refuse("InvalidBundle", "a changed entry is not a file");
  const total = lines.reduce((sum, line) => sum + Number(line.split(" ")[1]), 0);
  if (total > maxChangedBytes)
    return refuse("BundleTooLarge", `the changed files hold ${total} bytes; at most ${maxChangedBytes} are accepted`);
  return judgePointers(
    git,
    ids.filter((_, i) => Number(lines[i]?.split(" ")[1]) < 1024),
  );
};

// A pointer of LFS stands for content that nobody here has seen.
const judgePointers = async (git: Git, smallIds: readonly string[]): Promise<Step<void>> => {
  if (smallIds.length === 0) return done(undefined);
  const contents = await git.run(["cat-file", "--batch"], { input: `${smallIds.join("\n")}\n` });
  if (contents.kind === "failed") return judgeBundleFailure(contents);
  return /^[0-9a-f]+ blob [0-9]+\nversion https:\/\/(git-lfs|hawser)\.github\.com\/spec/m.test(
    contents.stdout.toString("latin1"),
  )
    ? refuse("EntryNotAllowed", "a changed file is a pointer of Git LFS, whose content is not in the proposal")
    : done(undefined);
};

const readChanges = async (git: Git, { base, head }: Proposal): Promise<Step<readonly RawChange[]>> => {
  const diff = await git.run(["diff-tree", "-r", "-z", "--raw", "--no-renames", "--full-index", base, head]);
  if (diff.kind === "failed") return judgeBundleFailure(diff);
  const changes = parseRawDiff(diff.stdout);
  return changes === undefined ? refuse("PathNotAllowed", "a changed path is not valid UTF-8") : done(changes);
};

const judgeTree = async (git: Git, head: string, changes: readonly RawChange[]): Promise<Step<void>> => {
  const tree = await git.run(["ls-tree", "-r", "-z", "--name-only", "--full-tree", head]);
  if (tree.kind === "failed") return judgeBundleFailure(tree);
  return judgeCollisions(parseNames(tree.stdout), changes) ?? done(undefined);
};

/** Takes an agent's bundle into the scratch repository and judges all of it; answers the changes of a proposal that may be published. */
export const inspectBundle = async (
  scratch: ScratchRepository,
  bytes: Buffer,
  proposal: Proposal,
): Promise<Step<readonly RawChange[]>> => {
  const git = scratch.inspect;
  const imported = await importBundle(scratch, bytes, proposal);
  if (imported.kind !== "ok") return imported;
  const based = await judgeBase(git, proposal);
  if (based.kind !== "ok") return based;
  const changes = await readChanges(git, proposal);
  if (changes.kind !== "ok") return changes;
  const refusedChange = judgeChanges(changes.value);
  if (refusedChange !== undefined) return refusedChange;
  for (const judge of [judgeTree(git, proposal.head, changes.value), judgeBlobs(git, changes.value)]) {
    const judged = await judge;
    if (judged.kind !== "ok") return judged;
  }
  return changes;
};
