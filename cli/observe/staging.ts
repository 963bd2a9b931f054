import { copyFile } from "node:fs/promises";
import { mustRun } from "#nervous-system/git/must-run.ts";
import { nameOf, parseList, renderList, type Path } from "#nervous-system/git/paths.ts";
import type { Place } from "#nervous-system/git/places.ts";
import { createStager, type Stager } from "#nervous-system/git/stage-places.ts";
import type { WorkTree } from "./work-tree.ts";

/** Puts the state of files into our index. */
export type Staging = {
  /** Takes each place as it is now: its content, or what stands for that of a large file. */
  stage(places: readonly Place[]): Promise<void>;
  /** Takes it that each place is there, and nothing of what it holds. */
  stageUnknown(places: readonly Place[]): Promise<void>;
  /** Takes back what was staged of these places: the index says of them again what it said at first, or when it was kept. */
  unstage(places: readonly Place[]): Promise<void>;
  /** Keeps what the index says by now. */
  keep(): Promise<void>;
  /** The tree of the index. */
  tree(): Promise<string>;
  /** Names that Git cannot take: a repository in it without commits, a file that may not be read or is not in its encoding. */
  leftOut(): readonly string[];
  /** Names of files whose content was not read, being large, and that changed after the first tree. */
  largeChanged(): readonly string[];
};

/** Files of more are told by size and time alone: hashing and keeping them would take seconds. */
export const MAX_FILE_BYTES = 16 * 1024 * 1024;

const isLarge = ({ stats }: Place): boolean => stats?.isFile() === true && stats.size > MAX_FILE_BYTES;

/** Binary, as diffs take it, so that nothing counts its lines; and another one whenever the file is another. */
const UNKNOWN = "\0\n";
const standInFor = ({ stats }: Place): string => `\0${stats?.size} ${stats?.mtimeNs} ${stats?.ino}\n`;

class IndexStaging implements Staging {
  private readonly work: WorkTree;
  private readonly stager: Stager;
  private readonly refused = new Set<Path>();
  private readonly standIns = new Map<Path, string>();
  private readonly changed = new Set<Path>();
  /** That of the index as it is; undefined where it changed since. */
  private current: string | undefined;
  private hadTree = false;

  constructor(work: WorkTree) {
    this.work = work;
    this.stager = createStager(work);
  }

  async stage(places: readonly Place[]): Promise<void> {
    const small = places.filter((place) => !isLarge(place));
    const before = this.current;
    this.current = undefined; // also where this ends early
    const refused = new Set((await this.stager(small)).map(({ path }) => path));
    if (refused.size === small.length) this.current = before;
    for (const path of refused) this.refused.add(path);
    for (const { path } of small.filter((place) => !refused.has(place.path))) {
      this.standIns.delete(path);
      this.refused.delete(path);
    }
    for (const place of places.filter(isLarge)) await this.standIn(place, standInFor(place));
  }

  async stageUnknown(places: readonly Place[]): Promise<void> {
    for (const place of places) await this.standIn(place, UNKNOWN);
  }

  async unstage(places: readonly Place[]): Promise<void> {
    if (places.length === 0) return;
    const paths = new Set(places.map(({ path }) => path));
    const first = { env: { GIT_INDEX_FILE: this.work.firstIndex } };
    const listed = parseList(await mustRun(this.work.git, ["ls-files", "--stage", "-z"], first));
    const were = listed.filter((entry) => paths.has(entry.slice(entry.indexOf("\t") + 1)));
    const input = renderList([...paths]);
    this.current = undefined;
    await mustRun(this.work.git, ["update-index", "-z", "--force-remove", "--stdin"], { input });
    await this.write(were);
    for (const path of paths) this.standIns.delete(path);
  }

  async keep(): Promise<void> {
    await copyFile(this.work.index, this.work.firstIndex).catch(() => undefined); // there may be none yet
  }

  async tree(): Promise<string> {
    this.current ??= (await mustRun(this.work.git, ["write-tree"])).toString("utf8").trim();
    this.hadTree = true;
    return this.current;
  }

  leftOut(): readonly string[] {
    return [...this.refused].map(nameOf);
  }

  largeChanged(): readonly string[] {
    return [...this.changed].map(nameOf);
  }

  private async standIn({ path, stats }: Place, text: string): Promise<void> {
    if (this.standIns.get(path) === text) return;
    const blob = await mustRun(this.work.git, ["hash-object", "-w", "--stdin"], { input: text });
    const mode = ((stats?.mode ?? 0n) & 0o100n) === 0n ? "100644" : "100755";
    await this.write([`${mode} ${blob.toString("utf8").trim()}\t${path}`]);
    this.standIns.set(path, text);
    if (this.hadTree) this.changed.add(path);
  }

  private async write(entries: readonly string[]): Promise<void> {
    this.current = undefined;
    const input = renderList(entries);
    await mustRun(this.work.git, ["update-index", "-z", "--add", "--replace", "--index-info"], { input });
  }
}

/** Creates the staging of a work tree. */
export const createStaging = (work: WorkTree): Staging => new IndexStaging(work);
