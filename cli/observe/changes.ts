import { printed, type WorkTree } from "./work-tree.ts";

/** One file between two trees. */
export type FileChange = {
  path: string;
  change: "added" | "modified" | "deleted" | "renamed";
  oldPath?: string;
  /** Absent for a binary file. */
  added?: number;
  removed?: number;
  /** Unified diff; absent where it is too long. */
  patch?: string;
};

const kinds: Readonly<Record<string, FileChange["change"]>> = { A: "added", D: "deleted", R: "renamed" };
const maxPatchChars = 64 * 1024;
const maxDiffBytes = 16 * 1024 * 1024;

const parseRaw = (fields: string[]): FileChange[] => {
  const changes: FileChange[] = [];
  while (fields[0]?.startsWith(":") === true) {
    const status = (fields.shift() ?? "").split(" ")[4] ?? "M";
    const change = kinds[status[0] ?? ""] ?? "modified";
    const first = fields.shift() ?? "";
    changes.push(
      change === "renamed" ? { path: fields.shift() ?? "", change, oldPath: first } : { path: first, change },
    );
  }
  return changes;
};

const countsOf = (field: string): { added?: number; removed?: number; names: number } => {
  const [added = "-", removed = "-", path = ""] = field.split("\t");
  const names = path === "" ? 2 : 0; // a rename has its two names in fields of their own
  return added === "-" ? { names } : { added: Number(added), removed: Number(removed), names };
};

/** Reads the output of `git diff-tree -r -M --raw --numstat -z`: every raw line first, then every count, in the same order. */
const parseDiff = (output: string): FileChange[] => {
  const fields = output.split("\0");
  const changes = parseRaw(fields);
  return changes.map((change) => {
    const { names, ...counts } = countsOf(fields.shift() ?? "");
    fields.splice(0, names);
    return { ...change, ...counts };
  });
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

const withPatches = (changes: FileChange[], patches: readonly string[]): FileChange[] => {
  if (patches.length !== changes.length) return changes;
  return changes.map((change, at) => {
    const patch = patches[at] ?? "";
    return patch.length > maxPatchChars ? change : { ...change, patch };
  });
};

/** What changed from one tree to another; throws when Git fails. */
export const changesBetween = async ({ git }: WorkTree, from: string, to: string): Promise<FileChange[]> => {
  const names = printed(await git(["diff-tree", "-r", "-M", "--raw", "--numstat", "-z", from, to]));
  const changes = parseDiff(names.toString("utf8"));
  const diff = await git(["diff-tree", "-r", "-M", "-p", from, to], { maxOutputBytes: maxDiffBytes });
  return diff.kind === "failed" ? changes : withPatches(changes, splitPatches(diff.stdout.toString("utf8")));
};
