import { headStatsOf } from "#nervous-system/git/head-stats.ts";
import { findPlaces, lookAt, aboveOf, statsOf, type Place } from "#nervous-system/git/places.ts";
import type { Path } from "#nervous-system/git/paths.ts";
import type { WorkTree } from "./work-tree.ts";

/** Tells which files are nobody's work but our own records of it. */
export type Ours = () => Promise<(path: Path) => boolean>;

/** What may differ from the index, without what is ours. */
export const findOthers = async ({ git, top }: WorkTree, ours: Ours): Promise<Place[]> => {
  const found = await findPlaces(git);
  const isOurs = await ours(); // asked last: whoever made one of these files has told of it by now
  return lookAt(
    top,
    found.filter(({ path }) => !isOurs(path)),
  );
};

/**
 * Whether nothing has happened to a place since a moment, by the change time that no program can set; of a file that is gone,
 * by that of the directory it was in; of a repository in the tree, whose files are its own, by that of its HEAD.
 */
export const isOlder = async ({ top }: WorkTree, { path, stats }: Place, sinceNs: bigint): Promise<boolean> => {
  let found = stats?.isDirectory() === true ? ((await headStatsOf(top, path)) ?? stats) : stats;
  for (let above = path; found === undefined && above !== "";) {
    above = aboveOf(above);
    found = await statsOf(top, above);
  }
  return found !== undefined && found.ctimeNs < sinceNs;
};
