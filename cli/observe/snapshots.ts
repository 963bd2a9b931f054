import { rm } from "node:fs/promises";
import { lookAt, type Place } from "#nervous-system/git/places.ts";
import { nameOf } from "#nervous-system/git/paths.ts";
import { findOthers, isOlder, type Ours } from "./places.ts";
import { createStaging, type Staging } from "./staging.ts";
import type { WorkTree } from "./work-tree.ts";

/** Takes snapshots of a work tree as Git trees: tracked files, and untracked ones that are not ignored. */
export type Snapshots = Pick<Staging, "leftOut" | "largeChanged"> & {
  /**
   * The tree as it was at a moment, taken while a program changes it already. What changed since is not in it: a tracked file
   * is as the index had it, an untracked one is there, if it was, without its content.
   */
  takeAt(sinceNs: bigint): Promise<string>;
  /** The tree as it is now. */
  take(): Promise<string>;
  /** Names of what had been found to differ when the last call ended early. */
  unread(): readonly string[];
};

type ByAge = { older: Place[]; newer: Place[] };

const byAge = async (work: WorkTree, places: readonly Place[], sinceNs: bigint): Promise<ByAge> => {
  const ages = await Promise.all(
    places.map(async (place) => place.kind === "unmerged" || (await isOlder(work, place, sinceNs))),
  );
  return { older: places.filter((_, at) => ages[at]), newer: places.filter((_, at) => !ages[at]) };
};

/** Whether a file that the index does not know was written to since, and not made or moved there. */
const wasThere = ({ kind, stats }: Place, sinceNs: bigint): boolean =>
  kind === "untracked" && stats !== undefined && stats.birthtimeNs < sinceNs && stats.mtimeNs >= sinceNs;

/** Creates the snapshots of a work tree; none takes what is ours. */
export const createSnapshots = (work: WorkTree, ours: Ours): Snapshots => {
  const staging = createStaging(work);
  let unread: readonly Place[] = [];
  const find = async (): Promise<Place[]> => {
    // A call that was ended leaves it behind.
    await rm(`${work.index}.lock`, { force: true });
    unread = await findOthers(work, ours);
    return [...unread];
  };
  const finish = async (): Promise<string> => {
    const tree = await staging.tree();
    unread = [];
    return tree;
  };
  return {
    takeAt: async (sinceNs) => {
      const first = await byAge(work, await find(), sinceNs);
      await staging.stage(first.older);
      // What changed while it was read may have been read before or after.
      const { newer } = await byAge(work, await lookAt(work.top, first.older), sinceNs);
      await staging.unstage(newer);
      await staging.stageUnknown([...first.newer, ...newer].filter((place) => wasThere(place, sinceNs)));
      return finish();
    },
    take: async () => {
      await staging.stage(await find());
      return finish();
    },
    unread: () => unread.map(({ path }) => nameOf(path)),
    leftOut: () => staging.leftOut(),
    largeChanged: () => staging.largeChanged(),
  };
};
