import { Buffer } from "node:buffer";
import type { Git } from "#nervous-system/git/git.ts";
import { GitFailed, mustRun, type Failed } from "#nervous-system/git/must-run.ts";
import { pathOf } from "#nervous-system/git/paths.ts";
import type { RawChange } from "#nervous-system/git/raw-diff.ts";
import { parseTrees, type TreeEntry } from "#nervous-system/git/tree-objects.ts";

/** A folder on the way to something that changed; names are a character a byte, as Git has them. */
type Folder = {
  readonly name: string;
  readonly children: Map<string, Folder>;
  /** Files that are as they are to be; undefined where one is to be gone. */
  readonly files: Map<string, TreeEntry | undefined>;
  /** What the base has here, then what is to be here. */
  entries: Map<string, TreeEntry>;
};

const newFolder = (name: string): Folder => ({ name, children: new Map(), files: new Map(), entries: new Map() });

const folderAt = (root: Folder, components: readonly string[]): Folder => {
  let folder = root;
  for (const name of components) {
    const child = folder.children.get(name) ?? newFolder(name);
    folder.children.set(name, child);
    folder = child;
  }
  return folder;
};

const plan = (changes: readonly RawChange[]): Folder => {
  const root = newFolder("");
  for (const { path, newMode, newId } of changes) {
    const components = pathOf(path).split("/");
    const name = components.pop() ?? "";
    const isGone = newMode === "000000";
    const entry = isGone ? undefined : { mode: newMode, isTree: false, name, id: newId };
    folderAt(root, components).files.set(name, entry);
  }
  return root;
};

const maxTreesBytes = 64 * 1024 * 1024;

/** Reads what the base has in the folders of a plan, those of one depth at a time; answers them by depth. */
const readBase = async (git: Git, base: string, root: Folder): Promise<readonly (readonly Folder[])[]> => {
  const levels: Array<readonly Folder[]> = [];
  let level: ReadonlyArray<readonly [Folder, string | undefined]> = [[root, `${base}^{tree}`]];
  while (level.length > 0) {
    const known = level.filter(([, id]) => id !== undefined);
    const input = `${known.map(([, id]) => id).join("\n")}\n`;
    const trees =
      known.length === 0
        ? []
        : parseTrees(await mustRun(git, ["cat-file", "--batch"], { input, maxOutputBytes: maxTreesBytes }));
    for (const [place, [folder]] of known.entries())
      folder.entries = new Map(trees[place]?.map((entry) => [entry.name, entry]));
    levels.push(level.map(([folder]) => folder));
    level = level.flatMap(([folder]) =>
      [...folder.children.values()].map((child) => {
        const there = folder.entries.get(child.name);
        return [child, there?.isTree === true ? there.id : undefined] as const;
      }),
    );
  }
  return levels;
};

// A file may take the place of a folder, and a folder that of a file: what goes, goes first.
const applyFiles = ({ entries, files }: Folder, isKept: (entry: TreeEntry | undefined) => boolean): void => {
  for (const [name, entry] of files) {
    if (!isKept(entry)) continue;
    if (entry === undefined) entries.delete(name);
    else entries.set(name, entry);
  }
};

const typeOf = ({ mode, isTree }: TreeEntry): string => (isTree ? "tree" : mode === "160000" ? "commit" : "blob");

const render = ({ entries }: Folder): string =>
  [...entries.values(), undefined]
    .map((entry) =>
      entry === undefined ? "\0" : `${entry.mode.padStart(6, "0")} ${typeOf(entry)} ${entry.id}\t${entry.name}\0`,
    )
    .join("");

const writeTrees = async (git: Git, folders: readonly Folder[]): Promise<readonly string[]> => {
  const input = Buffer.from(folders.map(render).join(""), "latin1");
  return (await mustRun(git, ["mktree", "-z", "--batch"], { input })).toString("latin1").trimEnd().split("\n");
};

/** Makes of a folder's entries what they are to be, from those of its folders. */
const applyChanges = (folder: Folder, idOf: (child: Folder) => string): void => {
  applyFiles(folder, (entry) => entry === undefined);
  for (const child of folder.children.values()) {
    const { name } = child;
    if (child.entries.size === 0) folder.entries.delete(name);
    else folder.entries.set(name, { mode: "40000", isTree: true, name, id: idOf(child) });
  }
  applyFiles(folder, (entry) => entry !== undefined);
};

const rebuild = async (git: Git, base: string, changes: readonly RawChange[]): Promise<string> => {
  const root = plan(changes);
  const levels = await readBase(git, base, root);
  const written = new Map<Folder, string>();
  const idOf = (folder: Folder): string => written.get(folder) ?? "";
  for (const level of levels.toReversed()) {
    for (const folder of level) applyChanges(folder, idOf);
    const ids = await writeTrees(git, level);
    for (const [place, folder] of level.entries()) written.set(folder, ids[place] ?? "");
  }
  return idOf(root);
};

/**
 * Writes the base's tree with the changes in it, and answers its id: every tree object of it is the base's or written here, none
 * the agent's. It reads the folders on the way to what changed, however large the repository is.
 */
export const rebuildTree = (
  git: Git,
  base: string,
  changes: readonly RawChange[],
): Promise<{ readonly kind: "ok"; readonly value: string } | Failed> =>
  rebuild(git, base, changes).then(
    (value) => ({ kind: "ok", value }),
    (error: unknown) => {
      if (error instanceof GitFailed) return error.result;
      throw error;
    },
  );
