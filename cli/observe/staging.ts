import { isReadable, nameOf, type Path, type Place } from "./places.ts";
import { printed, type WorkTree } from "./work-tree.ts";

/** Puts the state of files into our index. */
export type Staging = {
  /** Takes each place as it is now: its content, or what stands for that of a large file. */
  stage(places: readonly Place[]): Promise<void>;
  /** Takes it that each place is there, and nothing of what it holds. */
  stageUnknown(places: readonly Place[]): Promise<void>;
  /** Takes back what was staged of these places: the index says of them again what it said at first. */
  unstage(places: readonly Place[]): Promise<void>;
  /** The tree of the index. */
  tree(): Promise<string>;
  /** Names that Git cannot take: a repository in it without commits, a file that may not be read. */
  leftOut(): readonly string[];
  /** Names of files whose content was not read, being large, and that changed after the first tree. */
  largeChanged(): readonly string[];
};

/** Files of more are told by size and time alone: hashing and keeping them would take seconds. */
export const MAX_FILE_BYTES = 16 * 1024 * 1024;

const MOST_REFUSED = 1000;

// How Git ends at what it cannot take.
const refusal = /^fatal: Unable to process path (.*)$/m;

const isLarge = ({ stats }: Place): boolean => stats?.isFile() === true && stats.size > MAX_FILE_BYTES;

/** Binary, as diffs take it, so that nothing counts its lines; and another one whenever the file is another. */
const UNKNOWN = "\0\n";
const standInFor = ({ stats }: Place): string => `\0${stats?.size} ${stats?.mtimeNs} ${stats?.ino}\n`;

const linesOf = (entries: readonly string[]): Buffer =>
  Buffer.from(entries.map((entry) => `${entry}\0`).join(""), "latin1");

class IndexStaging implements Staging {
  private readonly work: WorkTree;
  private readonly refused = new Set<Path>();
  private readonly standIns = new Map<Path, string>();
  private readonly changed = new Set<Path>();
  private hasTree = false;

  constructor(work: WorkTree) {
    this.work = work;
  }

  async stage(places: readonly Place[]): Promise<void> {
    const read: Path[] = [];
    for (const place of places) {
      const { path } = place;
      if (isLarge(place)) await this.standIn(place, standInFor(place));
      else if (await isReadable(this.work, place)) read.push(path);
      else this.refused.add(path);
    }
    for (const path of read) this.standIns.delete(path);
    await this.add(read);
  }

  async stageUnknown(places: readonly Place[]): Promise<void> {
    for (const place of places) await this.standIn(place, UNKNOWN);
  }

  async unstage(places: readonly Place[]): Promise<void> {
    if (places.length === 0) return;
    const paths = new Set(places.map(({ path }) => path));
    const first = { env: { GIT_INDEX_FILE: this.work.firstIndex } };
    const listed = printed(await this.work.git(["ls-files", "--stage", "-z"], first)).toString("latin1");
    const were = listed.split("\0").filter((entry) => paths.has(entry.slice(entry.indexOf("\t") + 1)));
    const input = linesOf([...paths]);
    printed(await this.work.git(["update-index", "-z", "--force-remove", "--stdin"], { input }));
    await this.write(were);
    for (const path of paths) this.standIns.delete(path);
  }

  async tree(): Promise<string> {
    const tree = printed(await this.work.git(["write-tree"]))
      .toString("utf8")
      .trim();
    this.hasTree = true;
    return tree;
  }

  leftOut(): readonly string[] {
    return [...this.refused].map(nameOf);
  }

  largeChanged(): readonly string[] {
    return [...this.changed].map(nameOf);
  }

  private async standIn({ path, stats }: Place, text: string): Promise<void> {
    if (this.standIns.get(path) === text) return;
    const blob = printed(await this.work.git(["hash-object", "-w", "--stdin"], { input: text }));
    const mode = ((stats?.mode ?? 0n) & 0o100n) === 0n ? "100644" : "100755";
    await this.write([`${mode} ${blob.toString("utf8").trim()}\t${path}`]);
    this.standIns.set(path, text);
    if (this.hasTree) this.changed.add(path);
  }

  private async write(entries: readonly string[]): Promise<void> {
    const input = linesOf(entries);
    printed(await this.work.git(["update-index", "-z", "--add", "--replace", "--index-info"], { input }));
  }

  /** Adds all but what Git refuses; one such path would spoil all the others. */
  private async add(paths: readonly Path[]): Promise<void> {
    for (;;) {
      const wanted = paths.filter((path) => !this.refused.has(path));
      if (wanted.length === 0) return;
      const args = ["update-index", "-z", "--add", "--remove", "--replace", "--stdin"];
      const added = await this.work.git(args, { input: linesOf(wanted) });
      if (added.kind === "ok") return;
      const [, name] = refusal.exec(added.stderr) ?? [];
      const path = wanted.find((one) => nameOf(one) === name);
      if (path === undefined || this.refused.size >= MOST_REFUSED) throw new Error(added.message);
      this.refused.add(path);
    }
  }
}

/** Creates the staging of a work tree. */
export const createStaging = (work: WorkTree): Staging => new IndexStaging(work);
