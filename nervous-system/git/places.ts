import type { BigIntStats } from "node:fs";
import { lstat } from "node:fs/promises";
import type { Git } from "#nervous-system/git/git.ts";
import { mustRun } from "#nervous-system/git/must-run.ts";
import { locate, parseList, type Path } from "#nervous-system/git/paths.ts";
import { splitRawDiff } from "#nervous-system/git/raw-diff.ts";

/** A file that differs from the index, as it is now. */
export type Place = {
  path: Path;
  /** Undefined where there is none any more. An untracked directory is a repository of its own. */
  stats: BigIntStats | undefined;
  /** How the index has it: with another state, though it is gone, in a conflict, of which Git makes no tree, or not at all. */
  kind: "changed" | "gone" | "unmerged" | "untracked";
};

/** The names of a million files. */
const maxListBytes = 128 * 1024 * 1024;
const AT_ONCE = 512;

/** Maps some hundred at once: each opens or looks at a file. */
export const mapSome = async <T, R>(items: readonly T[], map: (item: T) => Promise<R>): Promise<R[]> => {
  const mapped: R[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE)
    mapped.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(map))));
  return mapped;
};

/** What is at a path; undefined where nothing is, or nothing that may be looked at. */
export const statsOf = (top: string, path: Path): Promise<BigIntStats | undefined> =>
  lstat(locate(top, path), { bigint: true }).catch(() => undefined);

/** The directory that a path is in; empty at the top. */
export const aboveOf = (path: Path): Path => path.slice(0, Math.max(0, path.lastIndexOf("/")));

const isBeyondLink = async (top: string, path: Path): Promise<boolean> => {
  for (let above = aboveOf(path); above !== ""; above = aboveOf(above))
    if ((await statsOf(top, above))?.isSymbolicLink() === true) return true;
  return false;
};

/** Places of the work tree at `top` as they are by now. */
export const lookAt = (top: string, places: ReadonlyArray<Omit<Place, "stats">>): Promise<Place[]> =>
  mapSome(places, async ({ path, kind }) => {
    const stats = await statsOf(top, path);
    // Where a directory became a link, what the link leads to is not what the index had there.
    const isOther = kind === "gone" && stats !== undefined && (await isBeyondLink(top, path));
    return { path, kind, stats: isOther ? undefined : stats };
  });

const changedPlaces = async (git: Git): Promise<Map<Path, Place["kind"]>> => {
  // Not into submodules, which would run Git by their own settings.
  const args = ["diff-files", "--raw", "-z", "--ignore-submodules=dirty"];
  const kinds = new Map<Path, Place["kind"]>();
  for (const { path, status } of splitRawDiff(await mustRun(git, args, { maxOutputBytes: maxListBytes })).changes) {
    if (kinds.get(path) === "unmerged") continue;
    kinds.set(path, status === "U" ? "unmerged" : status === "D" ? "gone" : "changed");
  }
  return kinds;
};

/**
 * What may differ from the index, told from sizes and times alone: tracked files, and untracked ones that no rule hides. No
 * content is read, so a file of any size costs the same. Throws `GitFailed`.
 */
export const findPlaces = async (git: Git): Promise<Array<Omit<Place, "stats">>> => {
  const listOthers = ["ls-files", "--others", "--exclude-standard", "-z"];
  const [kinds, others] = await Promise.all([
    changedPlaces(git),
    mustRun(git, listOthers, { maxOutputBytes: maxListBytes }),
  ]);
  // One that ends with a slash is a repository of its own, perhaps in place of what the index has.
  for (const entry of parseList(others)) {
    const path = entry.replace(/\/$/, "");
    if (!kinds.has(path)) kinds.set(path, "untracked");
  }
  return [...kinds].map(([path, kind]) => ({ path, kind }));
};
