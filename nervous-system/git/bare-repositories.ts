import { foldPath, prefixesOf } from "#nervous-system/git/path-collisions.ts";
import { refuseChange, type RefusedChange } from "#nervous-system/git/path-policy.ts";
import type { RawChange } from "#nervous-system/git/raw-diff.ts";

// What Git asks of a folder before it takes it for a repository, and obeys the configuration in it; `commondir` leads it to
// objects and refs elsewhere.
const parts = ["head", "objects", "refs", "commondir"] as const;

const below = (folder: string, name: string): string => (folder === "" ? name : `${folder}/${name}`);

/** Folded paths of the folders that a change writes into, the top one included. */
const foldersOf = (changes: readonly RawChange[]): ReadonlySet<string> => {
  const written = changes.filter(({ newMode }) => newMode !== "000000");
  return new Set(["", ...written.flatMap(({ path }) => prefixesOf(path).slice(0, -1).map(foldPath))]);
};

/** The folded paths that tell whether a change writes into a bare repository. */
export const repositoryParts = (changes: readonly RawChange[]): ReadonlySet<string> => {
  const folders = [...foldersOf(changes)];
  return new Set([...folders, ...folders.flatMap((folder) => parts.map((part) => below(folder, part)))]);
};

/**
 * Finds a folder that Git, called inside of it, would take for a repository without a work tree: its configuration names programs,
 * which a test or a person's shell would run. `present`: what the new tree has of `repositoryParts`.
 */
export const judgeBareRepositories = (
  present: readonly string[],
  changes: readonly RawChange[],
): RefusedChange | undefined => {
  const folded = new Set(present.map(foldPath));
  for (const folder of foldersOf(changes)) {
    const has = (part: (typeof parts)[number]): boolean => folded.has(below(folder, part));
    if (has("head") && (has("commondir") || (has("objects") && has("refs"))))
      return refuseChange(
        "PathNotAllowed",
        `the folder "${folder === "" ? "." : folder}" is a Git repository of its own, which a proposal may not hold or change`,
      );
  }
  return undefined;
};
