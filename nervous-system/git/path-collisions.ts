import type { RawChange } from "#nervous-system/git/raw-diff.ts";
import { foldComponent, refuseChange, type RefusedChange } from "#nervous-system/git/path-policy.ts";

/** A path and every folder on the way to it, the topmost first. */
export const prefixesOf = (path: string): readonly string[] => {
  const parts = path.split("/");
  return parts.map((_, i) => parts.slice(0, i + 1).join("/"));
};

/** How a path looks to the least distinguishing file system. */
export const foldPath = (path: string): string => path.split("/").map(foldComponent).join("/");

/** Every file that a change adds and every folder on the way to it, whose paths were judged before. */
const addedBy = (changes: readonly RawChange[]): ReadonlySet<string> =>
  new Set(changes.filter(({ oldMode }) => oldMode === "000000").flatMap(({ path }) => prefixesOf(path)));

/** The folded paths that what a change adds could be taken for: what else has one of them is all that matters of a tree. */
export const foldedAdditions = (changes: readonly RawChange[]): ReadonlySet<string> =>
  new Set([...addedBy(changes)].map(foldPath));

const collision = (a: string, b: string): RefusedChange =>
  refuseChange("PathNotAllowed", `"${a}" and "${b}" are the same path on machines that do not tell them apart`);

/** Files and folders of the two trees that are spelled like an addition. */
type Spellings = { readonly base: readonly string[]; readonly head: readonly string[] };

/** Finds a spelling that is new and that some machines cannot tell from another of the tree; what the base has stays as it is. */
export const judgeCollisions = (trees: Spellings, changes: readonly RawChange[]): RefusedChange | undefined => {
  const known = new Set(trees.base);
  const spellings = new Map<string, string>();
  for (const spelling of addedBy(changes)) {
    if (known.has(spelling)) continue;
    const folded = foldPath(spelling);
    const other = spellings.get(folded);
    if (other !== undefined) return collision(spelling, other);
    spellings.set(folded, spelling);
  }
  for (const spelling of trees.head) {
    const other = spellings.get(foldPath(spelling));
    if (other !== undefined && other !== spelling) return collision(other, spelling);
  }
  return undefined;
};
