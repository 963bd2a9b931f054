import type { Buffer } from "node:buffer";
import type { Git } from "#nervous-system/git/git.ts";
import { mustRun } from "#nervous-system/git/must-run.ts";
import { nameOf } from "#nervous-system/git/paths.ts";
import { splitRawDiff, type RawChange } from "#nervous-system/git/raw-diff.ts";

/** One file between two trees. */
export type FileChange = {
  readonly path: string;
  readonly change: "added" | "modified" | "deleted" | "renamed";
  readonly oldPath?: string;
  /** Lines; absent for a binary file. */
  readonly added?: number;
  readonly removed?: number;
  /** Unified diff; absent where all diffs together are too large to be read. */
  readonly patch?: string;
};

type Lines = Pick<FileChange, "added" | "removed">;

const kinds: Readonly<Record<string, FileChange["change"]>> = { A: "added", D: "deleted", R: "renamed" };
const maxDiffBytes = 32 * 1024 * 1024;

/** Reads what Git prints with `--numstat -z`, by (new) path; the two names of a rename stand in fields of their own. */
const parseCounts = (fields: readonly string[]): ReadonlyMap<string, Lines> => {
  const counts = new Map<string, Lines>();
  for (let at = 0; at < fields.length; at += 1) {
    const [added = "", removed = "", ...name] = (fields[at] ?? "").split("\t");
    const isRenamed = name.join("") === "";
    if (isRenamed) at += 2;
    const path = isRenamed ? (fields[at] ?? "") : name.join("\t");
    counts.set(path, added === "-" ? {} : { added: Number(added), removed: Number(removed) });
  }
  return counts;
};

const changeOf = ({ status, path, oldPath }: RawChange, lines: Lines | undefined): FileChange => ({
  path: nameOf(path),
  change: kinds[status] ?? "modified",
  ...(oldPath === undefined ? {} : { oldPath: nameOf(oldPath) }),
  ...lines,
});

const parseChanges = (output: Buffer): FileChange[] => {
  const { changes, rest } = splitRawDiff(output);
  const counts = parseCounts(rest);
  return changes.map((change) => changeOf(change, counts.get(change.path)));
};

const headOf = (patch: string): string => patch.slice(0, patch.indexOf("\n"));

/**
 * The diff of each file, in Git's order. A line ends by LF only: the text of a file may hold other ends, and look like a diff
 * behind them. A file that became a link, or the other way round, has two under one head: one that went and one that came.
 */
const splitPatches = (text: string): string[] => {
  const patches: string[] = [];
  for (const patch of text.split(/(?<=\n)(?=diff --git )/)) {
    if (!patch.startsWith("diff --git ")) continue;
    const before = patches.at(-1);
    if (before !== undefined && headOf(before) === headOf(patch)) patches[patches.length - 1] = before + patch;
    else patches.push(patch);
  }
  return patches;
};

/** What changed from one tree to another, renames found, in Git's order; throws `GitFailed`. */
export const changesBetween = async (git: Git, from: string, to: string): Promise<FileChange[]> => {
  const changes = parseChanges(await mustRun(git, ["diff-tree", "-r", "-M", "--raw", "--numstat", "-z", from, to]));
  const diff = await git.run(["diff-tree", "-r", "-M", "-p", from, to], { maxOutputBytes: maxDiffBytes });
  const patches = diff.kind === "failed" ? [] : splitPatches(diff.stdout.toString("utf8"));
  if (patches.length !== changes.length) return changes;
  return changes.map((change, at) => ({ ...change, patch: patches[at] ?? "" }));
};
