import type { Git } from "#nervous-system/git/git.ts";
import { judgeChange } from "#nervous-system/git/judge-change.ts";
import { mustRun, RepositoryFailure, type Repository } from "./repository.ts";
import { keepOutside } from "./sparse.ts";
import { stageAll, type LeftOut } from "./stage.ts";

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
  /** What the model must know of its work in time: paths that are not taken, and why the whole would not be published. */
  readonly warnings: readonly string[];
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

const writeTree = async (
  repository: Repository,
  before: string,
): Promise<{ readonly tree: string; readonly leftOut: readonly LeftOut[] }> => {
  const leftOut = await stageAll(repository.record);
  const tree = await mustRun(repository.record, ["write-tree"]);
  if (tree === before || !(await keepOutside(repository, before, tree))) return { tree, leftOut };
  return { tree: await mustRun(repository.record, ["write-tree"]), leftOut };
};

const tell = ({ path, why }: LeftOut): string => `"${path}" ${why}: it is neither recorded nor proposed`;

/** Sees what changed in the workspace since it looked last. */
export type Observer = {
  /** Looks now; tracked files and untracked ones that are not ignored count, with their modes and links. */
  observe(): Promise<Observation>;
  /** Everything that changed since the base. */
  sinceBase(): Promise<Observation>;
  /** Why what changed since the base would not be published; undefined where nothing is known against it. */
  refusal(): Promise<string | undefined>;
};

/** Creates an observer of a repository that starts from its base. */
export const createObserver = (repository: Repository): Observer => {
  const { record, baseTree } = repository;
  let seen = baseTree;
  let leftOut: readonly LeftOut[] = [];
  const refusal = async (): Promise<string | undefined> => {
    if (seen === baseTree) return undefined;
    const judged = await judgeChange(record, baseTree, seen);
    // A repository too large to be judged here may still be judged by the publisher.
    return judged.kind === "refused" ? judged.message : undefined;
  };
  return {
    observe: async () => {
      const before = seen;
      const known = new Set(leftOut.map(({ path }) => path));
      const staged = await writeTree(repository, before);
      leftOut = staged.leftOut;
      const news = leftOut.filter(({ path }) => !known.has(path)).map(tell);
      if (staged.tree === before) return { before, after: before, changes: [], warnings: news };
      const changes = await changesBetween(record, before, staged.tree);
      seen = staged.tree;
      const refused = await refusal();
      const warnings = refused === undefined ? news : [...news, `as it is, this will not be published: ${refused}`];
      return { before, after: seen, changes, warnings };
    },
    sinceBase: async () => ({
      before: baseTree,
      after: seen,
      changes: seen === baseTree ? [] : await changesBetween(record, baseTree, seen),
      warnings: leftOut.map(tell),
    }),
    refusal,
  };
};
