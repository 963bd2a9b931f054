import type { Git } from "#nervous-system/git/git.ts";
import { mustRun, RepositoryFailure } from "./repository.ts";

/** What happened to one file between two trees. */
export type FileChange = {
  readonly path: string;
  readonly change: "added" | "modified" | "deleted" | "renamed";
  readonly oldPath?: string;
  /** Lines; 0 for binary files. */
  readonly added: number;
  readonly removed: number;
  /** Unified diff; missing when all diffs together are too large to be read. */
  readonly patch?: string;
};

/** One look at the workspace: the trees before and after, and the files that differ. */
export type Observation = {
  readonly before: string;
  readonly after: string;
  readonly changes: readonly FileChange[];
};

type RawChange = Pick<FileChange, "path" | "change" | "oldPath">;

const kinds: Readonly<Record<string, FileChange["change"]>> = { A: "added", D: "deleted", R: "renamed" };

const letterOf = (header: string | undefined): string => header?.split(" ").at(-1)?.[0] ?? "M";

/** Reads `diff-tree --raw -z`: a header, then one path, or two for a rename. */
const parseRaw = (output: string): readonly RawChange[] => {
  const fields = output.split("\0");
  const changes: RawChange[] = [];
  for (let at = 0; fields[at]?.startsWith(":") === true; at += 2) {
    const change = kinds[letterOf(fields[at])] ?? "modified";
    const [first = "", second = ""] = fields.slice(at + 1, at + 3);
    if (change !== "renamed") changes.push({ path: first, change });
    else {
      changes.push({ path: second, change, oldPath: first });
      at += 1;
    }
  }
  return changes;
};

/** Reads `diff-tree --numstat -z` into lines added and removed by (new) path. */
const parseNumstat = (output: string): ReadonlyMap<string, { added: number; removed: number }> => {
  const fields = output.split("\0");
  const counts = new Map<string, { added: number; removed: number }>();
  for (let at = 0; at < fields.length; at += 1) {
    const [added, removed, path] = (fields[at] ?? "").split("\t");
    if (path === undefined) continue;
    const count = { added: Number(added) || 0, removed: Number(removed) || 0 };
    if (path !== "") counts.set(path, count);
    else {
      counts.set(fields[at + 2] ?? "", count);
      at += 2;
    }
  }
  return counts;
};

// Every line of a diff's body starts with a space, a sign or a backslash, so this can only be a file's header.
const splitPatches = (output: string): readonly string[] =>
  output.split(/^(?=diff --git )/m).filter((one) => one !== "");

const patchesOf = async (
  git: Git,
  trees: readonly string[],
  expected: number,
): Promise<readonly string[] | undefined> => {
  const result = await git.run(["diff-tree", "-r", "-M", "-p", "--no-color", ...trees]);
  if (result.kind === "failed") {
    if (result.reason === "OutputTooLarge") return undefined;
    throw new RepositoryFailure(result.message);
  }
  const patches = splitPatches(result.stdout.toString());
  return patches.length === expected ? patches : undefined;
};

const changesBetween = async (git: Git, before: string, after: string): Promise<readonly FileChange[]> => {
  const trees = [before, after];
  const raw = parseRaw(await mustRun(git, ["diff-tree", "-r", "-M", "--raw", "-z", ...trees]));
  const counts = parseNumstat(await mustRun(git, ["diff-tree", "-r", "-M", "--numstat", "-z", ...trees]));
  const patches = await patchesOf(git, trees, raw.length);
  return raw.map((change, index) => {
    const patch = patches?.[index];
    return {
      ...change,
      ...(counts.get(change.path) ?? { added: 0, removed: 0 }),
      ...(patch === undefined ? {} : { patch }),
    };
  });
};

const writeTree = async (git: Git): Promise<string> => {
  const added = await git.run(["add", "--all", "."]);
  // A file that cannot be read must not hide the others.
  if (added.kind === "failed") await git.run(["add", "--all", "--ignore-errors", "."]);
  return mustRun(git, ["write-tree"]);
};

/** Sees what changed in the workspace since it looked last. */
export type Observer = {
  /** Looks now; tracked files and untracked ones that are not ignored count, with their modes and links. */
  observe(): Promise<Observation>;
  /** Everything that changed since the base. */
  sinceBase(): Promise<Observation>;
  /** The tree seen last. */
  tree(): string;
};

/** Creates an observer that starts from the base's tree; `git` is the record's. */
export const createObserver = (git: Git, baseTree: string): Observer => {
  let seen = baseTree;
  return {
    observe: async () => {
      const before = seen;
      const after = await writeTree(git);
      if (after === before) return { before, after, changes: [] };
      const changes = await changesBetween(git, before, after);
      seen = after;
      return { before, after, changes };
    },
    sinceBase: async () => ({
      before: baseTree,
      after: seen,
      changes: seen === baseTree ? [] : await changesBetween(git, baseTree, seen),
    }),
    tree: () => seen,
  };
};
