import type { Git } from "#nervous-system/git/git.ts";
import { mustRun } from "#nervous-system/git/must-run.ts";
import { foldComponent, isPossibleComponent } from "#nervous-system/git/path-policy.ts";
import { exactNameOf } from "#nervous-system/git/paths.ts";
import { parseTrees, type TreeEntry } from "#nervous-system/git/tree-objects.ts";

type Folder = { readonly id: string; readonly path: string; readonly folded: string };

const maxListBytes = 16 * 1024 * 1024;
/** Two hundred paths have at most 12,800 folders, and a tree that spells them in many ways has as many as it likes. */
const maxSpellings = 20_000;
/** Entries looked at of the folders of one depth, in each place where the same folder stands again. */
const maxEntries = 2_000_000;

const readTrees = async (git: Git, ids: readonly string[]): Promise<ReadonlyMap<string, readonly TreeEntry[]>> => {
  const input = `${ids.join("\n")}\n`;
  const trees = parseTrees(await mustRun(git, ["cat-file", "--batch"], { input, maxOutputBytes: maxListBytes }));
  return new Map(ids.map((id, i) => [id, trees[i] ?? []]));
};

type Spelling = Folder & { readonly isTree: boolean };

/** What of folders is spelled as wanted. What is not UTF-8, or longer than a file system takes, is spelled as nothing that is. */
function* wantedOf(
  folders: readonly Folder[],
  trees: ReadonlyMap<string, readonly TreeEntry[]>,
  wanted: ReadonlySet<string>,
): Generator<Spelling> {
  for (const folder of folders)
    for (const { isTree, name: bytes, id } of trees.get(folder.id) ?? []) {
      const name = exactNameOf(bytes);
      if (name === undefined || !isPossibleComponent(name)) continue;
      const folded = folder.folded + foldComponent(name);
      if (wanted.has(folded)) yield { isTree, id, path: folder.path + name, folded };
    }
}

/**
 * The files and folders of a tree whose folded path is among the wanted; undefined where they are more than can be looked into.
 * It reads the folders on the way to them, and nothing of the rest, however large the tree is.
 */
export const findSpellings = async (
  git: Git,
  tree: string,
  wanted: ReadonlySet<string>,
): Promise<readonly string[] | undefined> => {
  const found: string[] = [];
  for (let level: readonly Folder[] = [{ id: `${tree}^{tree}`, path: "", folded: "" }]; level.length > 0;) {
    const trees = await readTrees(git, [...new Set(level.map(({ id }) => id))]);
    const entries = level.reduce((sum, { id }) => sum + (trees.get(id)?.length ?? 0), 0);
    if (entries > maxEntries) return undefined;
    const next: Folder[] = [];
    for (const { isTree, id, path, folded } of wantedOf(level, trees, wanted)) {
      if (found.push(path) > maxSpellings) return undefined;
      if (isTree) next.push({ id, path: `${path}/`, folded: `${folded}/` });
    }
    level = next;
  }
  return found;
};
