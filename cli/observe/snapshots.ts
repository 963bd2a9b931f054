import { rm } from "node:fs/promises";
import { lookAt, type Place } from "#nervous-system/git/places.ts";
import { nameOf } from "#nervous-system/git/paths.ts";
import { findOthers, isOlder, type Ours } from "./places.ts";
import { createStaging, type Staging } from "./staging.ts";
import type { WorkTree } from "./work-tree.ts";

/** Takes snapshots of a work tree as Git trees: tracked files, and untracked ones that are not ignored. */
export type Snapshots = Pick<Staging, "leftOut" | "largeChanged"> & {
  /** Begins to read what is there; resolves when that is over, also where it failed, of which `takeFirst` tells. */
  readAhead(): Promise<void>;
  /** Marks the moment of which `takeFirst` takes the tree. */
  begin(sinceNs: bigint): void;
  /** The tree as it was at that moment, taken while a program changes it already. */
  takeFirst(): Promise<FirstTree>;
  /** The tree as it is now. */
  take(): Promise<string>;
  /** Names of what is known to differ from the last tree: what the call that ended early had found, or the one before. */
  unread(): readonly string[];
};

/** What was there when a program began. */
type FirstTree = {
  tree: string;
  /**
   * Names of what had changed by the time that it was first looked at. A tracked file is in the tree as the index had it; an
   * untracked one is, if it was there, without its content.
   */
  unknown: ReadonlySet<string>;
};

type ByAge = { older: Place[]; newer: Place[] };

/** Before there is a moment, everything is older. */
const byAge = async (work: WorkTree, places: readonly Place[], sinceNs: bigint | undefined): Promise<ByAge> => {
  if (sinceNs === undefined) return { older: [...places], newer: [] };
  const ages = await Promise.all(
    places.map(async (place) => place.kind === "unmerged" || (await isOlder(work, place, sinceNs))),
  );
  return { older: places.filter((_, at) => ages[at]), newer: places.filter((_, at) => !ages[at]) };
};

const isTracked = ({ kind }: Place): boolean => kind !== "untracked";

/** Whether the content of what changed since may be older: it was written to, or moved there, and not made. */
const isOlderInside = (place: Place, sinceNs: bigint): boolean =>
  isTracked(place) || (place.stats !== undefined && place.stats.birthtimeNs < sinceNs);

/** Whether a file that the index does not know was written to since, and not made or moved there. */
const wasThere = (place: Place, sinceNs: bigint): boolean =>
  !isTracked(place) && isOlderInside(place, sinceNs) && place.stats !== undefined && place.stats.mtimeNs >= sinceNs;

class TreeSnapshots implements Snapshots {
  private readonly work: WorkTree;
  private readonly ours: Ours;
  private readonly staging: Staging;
  /** From the last tree, as far as it is known. */
  private different: readonly Place[] = [];
  private sinceNs: bigint | undefined;
  private reading: Promise<Place[]> | undefined;
  /** Whether all that was there had been read before the moment. */
  private isAhead = false;

  constructor(work: WorkTree, ours: Ours) {
    this.work = work;
    this.ours = ours;
    this.staging = createStaging(work);
  }

  async readAhead(): Promise<void> {
    this.reading = this.readFirst();
    await this.reading.catch(() => undefined);
  }

  begin(sinceNs: bigint): void {
    this.sinceNs = sinceNs;
  }

  async takeFirst(): Promise<FirstTree> {
    const reading = this.reading ?? this.readFirst();
    this.reading = undefined; // one that failed is not asked again
    let newer = await reading;
    const unknown: Place[] = [];
    const { sinceNs } = this;
    if (this.isAhead) {
      // What changed between that and the moment.
      newer = await this.stageOlder(await this.find());
    } else if (sinceNs !== undefined) {
      unknown.push(...newer.filter((place) => isOlderInside(place, sinceNs)));
      await this.staging.stageUnknown(newer.filter((place) => wasThere(place, sinceNs)));
    }
    const tree = await this.staging.tree();
    this.different = newer;
    return { tree, unknown: new Set(unknown.map(({ path }) => nameOf(path))) };
  }

  async take(): Promise<string> {
    await this.staging.stage(await this.find());
    const tree = await this.staging.tree();
    this.different = [];
    return tree;
  }

  unread(): readonly string[] {
    return this.different.map(({ path }) => nameOf(path));
  }

  leftOut(): readonly string[] {
    return this.staging.leftOut();
  }

  largeChanged(): readonly string[] {
    return this.staging.largeChanged();
  }

  private async find(): Promise<Place[]> {
    // A call that was ended leaves it behind.
    await rm(`${this.work.index}.lock`, { force: true });
    const found = await findOthers(this.work, this.ours);
    this.different = found;
    return found;
  }

  /** Stages what is there, tracked files first, which a program changes soonest; answers what is no more as it was. */
  private async readFirst(): Promise<Place[]> {
    const found = await this.find();
    const newer = await this.stageOlder(found.filter(isTracked));
    newer.push(...(await this.stageOlder(found.filter((place) => !isTracked(place)))));
    this.isAhead = this.sinceNs === undefined;
    if (this.isAhead) await this.staging.keep();
    return newer;
  }

  /** Stages what nothing happened to since the moment, and answers the rest. */
  private async stageOlder(places: readonly Place[]): Promise<Place[]> {
    const first = await byAge(this.work, places, this.sinceNs);
    await this.staging.stage(first.older);
    // What changed while it was read may have been read before or after.
    const again = await byAge(this.work, await lookAt(this.work.top, first.older), this.sinceNs);
    await this.staging.unstage(again.newer);
    return [...first.newer, ...again.newer];
  }
}

/** Creates the snapshots of a work tree; none takes what is ours. */
export const createSnapshots = (work: WorkTree, ours: Ours): Snapshots => new TreeSnapshots(work, ours);
