import type { Git } from "#nervous-system/git/git.ts";
import { judgeBareRepositories, repositoryParts } from "#nervous-system/git/bare-repositories.ts";
import { GitFailed, mustRun, type Failed } from "#nervous-system/git/must-run.ts";
import { findSpellings } from "#nervous-system/git/find-spellings.ts";
import { holdsPointer } from "#nervous-system/git/lfs-pointers.ts";
import { foldedAdditions, judgeCollisions } from "#nervous-system/git/path-collisions.ts";
import { judgeChanges, refuseChange, type RefusedChange } from "#nervous-system/git/path-policy.ts";
import { exactNameOf } from "#nervous-system/git/paths.ts";
import { parseRawDiff, type RawChange } from "#nervous-system/git/raw-diff.ts";

/** What a change is worth: its entries where it may be published, why it may not, or the call of Git that failed. */
export type JudgedChange = { readonly kind: "ok"; readonly value: readonly RawChange[] } | RefusedChange | Failed;

const maxChangedBytes = 64 * 1024 * 1024;
/** More of a list of changes than this is more than two hundred paths that are not too long. */
const maxDiffBytes = 4 * 1024 * 1024;
/** Of what `cat-file` prints beside the files themselves. */
const maxHeadersBytes = 1024 * 1024;

// A pointer of LFS stands for content that nobody here has seen.
const judgePointers = async (git: Git, ids: readonly string[]): Promise<RefusedChange | undefined> => {
  const maxOutputBytes = maxChangedBytes + maxHeadersBytes;
  const contents = await mustRun(git, ["cat-file", "--batch"], { input: `${ids.join("\n")}\n`, maxOutputBytes });
  return holdsPointer(contents)
    ? refuseChange("EntryNotAllowed", "a changed file is a pointer of Git LFS, whose content is not in the proposal")
    : undefined;
};

const judgeBlobs = async (git: Git, changes: readonly RawChange[]): Promise<RefusedChange | undefined> => {
  const ids = [...new Set(changes.filter(({ newMode }) => newMode !== "000000").map(({ newId }) => newId))];
  if (ids.length === 0) return undefined;
  const input = `${ids.join("\n")}\n`;
  const checked = await mustRun(git, ["cat-file", "--batch-check=%(objecttype) %(objectsize)"], { input });
  const lines = checked.toString("utf8").trimEnd().split("\n");
  if (lines.some((line) => !line.startsWith("blob ")))
    return refuseChange("InvalidBundle", "a changed entry is not a file");
  const sizes = lines.map((line) => Number(line.split(" ")[1]));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total > maxChangedBytes) {
    const message = `the changed files hold ${total} bytes; at most ${maxChangedBytes} are accepted`;
    return refuseChange("BundleTooLarge", message);
  }
  return judgePointers(git, ids);
};

/** The changes with their paths as text; undefined where one is not UTF-8. */
const withNames = (changes: readonly RawChange[] | undefined): readonly RawChange[] | undefined => {
  const named = changes?.map((change) => ({ ...change, path: exactNameOf(change.path) }));
  return named?.every((change): change is RawChange => change.path !== undefined) === true ? named : undefined;
};

/** Judges what else the trees have in the folders that a change writes into. */
const judgeSurroundings = async (
  git: Git,
  trees: { readonly base: string; readonly head: string },
  changes: readonly RawChange[],
): Promise<RefusedChange | undefined> => {
  const added = foldedAdditions(changes);
  const base = added.size === 0 ? [] : await findSpellings(git, trees.base, added);
  const head = await findSpellings(git, trees.head, new Set([...added, ...repositoryParts(changes)]));
  if (base === undefined || head === undefined)
    return refuseChange("PathNotAllowed", "a changed path has too many other spellings in the tree");
  return judgeCollisions({ base, head }, changes) ?? judgeBareRepositories(head, changes);
};

const judge = async (git: Git, base: string, head: string): Promise<JudgedChange> => {
  const command = ["diff-tree", "-r", "-z", "--raw", "--no-renames", "--full-index", base, head];
  const diff = await git.run(command, { maxOutputBytes: maxDiffBytes });
  if (diff.kind === "failed" && diff.reason !== "OutputTooLarge") return diff;
  if (diff.kind === "failed") return refuseChange("TooManyFiles", "the proposal changes more files than are accepted");
  const changes = withNames(parseRawDiff(diff.stdout));
  if (changes === undefined) return refuseChange("PathNotAllowed", "a changed path is not valid UTF-8");
  const refused = judgeChanges(changes) ?? (await judgeSurroundings(git, { base, head }, changes));
  return refused ?? (await judgeBlobs(git, changes)) ?? { kind: "ok", value: changes };
};

/**
 * Judges what changed between two commits or trees as the publisher does: which kinds of entries, which paths, how much. The
 * agent asks the same of its own work, so that it hears in time what would be refused.
 */
export const judgeChange = (git: Git, base: string, head: string): Promise<JudgedChange> =>
  judge(git, base, head).catch((error: unknown) => {
    if (error instanceof GitFailed) return error.result;
    throw error;
  });
