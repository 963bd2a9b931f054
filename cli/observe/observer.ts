import { stat } from "node:fs/promises";
import { changesBetween, type FileChange } from "#nervous-system/git/file-changes.ts";
import { lookPauseMs } from "#nervous-system/git/look-pause.ts";
import { createDependencyReader, type DependencyReader } from "#nervous-system/imports/dependency-reader.ts";
import type { TraceIds } from "#nervous-system/schemas/ids.ts";
import type { Host } from "../host.ts";
import { listed } from "../printable.ts";
import type { OpenRecord } from "../record/open-record.ts";
import type { Membership } from "../runs/join-runs.ts";
import { worksIn, type RunNote } from "../runs/note.ts";
import { ownFiles } from "./own-files.ts";
import type { Ours } from "./places.ts";
import { renderObservation } from "./render-observation.ts";
import { createSnapshots, type Snapshots } from "./snapshots.ts";
import { MAX_FILE_BYTES } from "./staging.ts";
import { openWorkTree, type WorkTree } from "./work-tree.ts";

/** Watches a work tree and records what changes in it. */
export type Observer = {
  /** The work tree that is watched. */
  place: string;
  /** What was checked out there at the beginning; undefined before the first commit. */
  commit: string | undefined;
  /** Waits until what is there was read, which began when the observer was made; AHEAD_MS at most, as a tree may be large. */
  ready(): Promise<void>;
  /** Marks the beginning: what changes from here on is recorded. */
  mark(): Promise<void>;
  start(): void;
  /** Whom it observes has been heard: it looks on for a while. Where it rested, what changed meanwhile is not recorded. */
  attend(): void;
  /** Records what changed since the last look, and ends, at once when `hurry` aborts; answers what was not observed. */
  finish(hurry: AbortSignal): Promise<string[]>;
};

/** What an observer needs. */
type ObserverOptions = {
  host: Host;
  record: OpenRecord;
  runs: Pick<Membership, "others">;
  directory: string;
  trace: TraceIds;
  /** How long it looks on after it was started, and after each time that it is to attend. */
  attentionMs: number;
};

/** How long the beginning may wait: what changes before it was read is told without its content. */
const AHEAD_MS = 100;
/** How long the end waits for the last look. */
const END_MS = 2000;
/** How long one look waits for what the changed files import; the end waits for END_MS in all. */
const IMPORTS_MS = 5000;
const MOST_NAMES = 5;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * One look after the other; the first one finds what was there at the beginning, beside the running program where that takes
 * long.
 *
 *   read ahead → mark() → start(): first tree → pause → look → pause → … → finish(): the look under way, a last one, END_MS in all
 *                                      ^                          | nobody attends for attentionMs
 *                                      +------ attend() ── resting ──→ finish(): nothing to look at
 */
class TreeObserver implements Observer {
  readonly place: string;
  readonly commit: string | undefined;
  private readonly options: ObserverOptions;
  private readonly work: WorkTree;
  private readonly snapshots: Snapshots;
  private readonly dependencies: DependencyReader;
  private readonly stop: AbortController;
  private readonly ahead: Promise<void>;
  private tree: string | undefined;
  private findFirst = (): Promise<string> => this.findBeginning();
  /** Names of what the first tree does not say, until what changed beside it was told. */
  private unknown: ReadonlySet<string> = new Set();
  /** Whose changes may be among those that were not told yet. */
  private readonly beside = new Set<string>();
  /** Every run that was met: what it wrote stays its own when it has ended. */
  private readonly met = new Map<string, RunNote>();
  private failure: string | undefined;
  private cancel: () => void = () => undefined;
  private looking: Promise<void> = Promise.resolve();
  private attendedMs = 0;
  private isResting = false;
  private isOver = false;

  constructor(options: ObserverOptions, work: WorkTree, stop: AbortController) {
    this.options = options;
    this.work = work;
    this.stop = stop;
    this.snapshots = createSnapshots(work, () => this.meet());
    const { clock } = options.host;
    this.dependencies = createDependencyReader({ git: work.git, clock, withinMs: IMPORTS_MS });
    this.place = work.top;
    this.commit = work.commit;
    this.ahead = this.snapshots.readAhead();
  }

  async ready(): Promise<void> {
    const late = Promise.withResolvers<void>();
    const cancel = this.options.host.clock.after(AHEAD_MS, late.resolve);
    await Promise.race([this.ahead, late.promise]);
    cancel();
  }

  async mark(): Promise<void> {
    // By the clock of the file system, which is that of every file in the tree, where the record is in it.
    const { record, host } = this.options;
    const written = await stat(record.path, { bigint: true }).catch(() => undefined);
    this.snapshots.begin(written?.ctimeNs ?? host.clock.nowNs());
  }

  start(): void {
    this.attendedMs = this.options.host.clock.monotonicMs();
    this.looking = this.lookAndGoOn();
  }

  attend(): void {
    this.attendedMs = this.options.host.clock.monotonicMs();
    if (!this.isResting || this.isOver) return;
    this.isResting = false;
    this.tree = undefined;
    this.unknown = new Set();
    this.findFirst = () => this.snapshots.take();
    this.looking = this.lookAndGoOn();
  }

  async finish(hurry: AbortSignal): Promise<string[]> {
    this.isOver = true;
    this.cancel();
    const cancelEnd = this.options.host.clock.after(END_MS, () => this.stop.abort());
    const giveUp = (): void => this.stop.abort();
    hurry.addEventListener("abort", giveUp);
    if (hurry.aborted) giveUp();
    await this.looking;
    if (!this.isResting) await this.look(true);
    cancelEnd();
    await this.dependencies.close();
    hurry.removeEventListener("abort", giveUp);
    return this.unobserved();
  }

  private async findBeginning(): Promise<string> {
    const { tree, unknown } = await this.snapshots.takeFirst();
    this.unknown = unknown;
    return tree;
  }

  private async meet(): ReturnType<Ours> {
    const { host, record, directory, runs } = this.options;
    for (const other of await runs.others()) {
      this.met.set(other.agent_uid, other);
      if (worksIn(other, this.place)) this.beside.add(other.agent_uid);
    }
    return ownFiles(this.place, host, { record: record.path, directories: [directory] }, [...this.met.values()]);
  }

  private unobserved(): string[] {
    const { snapshots, failure } = this;
    const [unread, leftOut, large] = [snapshots.unread(), snapshots.leftOut(), snapshots.largeChanged()];
    const names = unread.length === 0 ? "" : `, perhaps of ${listed(unread, MOST_NAMES)},`;
    const why = this.stop.signal.aborted ? "there was no time left" : failure;
    return [
      ...(failure === undefined ? [] : [`the last changes of files${names} were not observed: ${why}`]),
      ...(leftOut.length === 0 ? [] : [`not observed, as Git cannot take it: ${listed(leftOut, MOST_NAMES)}`]),
      ...(large.length === 0
        ? []
        : [`observed without its content, over ${MAX_FILE_BYTES >> 20} MiB: ${listed(large, MOST_NAMES)}`]),
    ];
  }

  private async lookAndGoOn(): Promise<void> {
    const { clock } = this.options.host;
    const began = clock.monotonicMs();
    const before = this.tree;
    await this.look(false);
    if (this.isOver) return;
    this.isResting = clock.monotonicMs() - this.attendedMs >= this.options.attentionMs;
    if (this.isResting) return;
    // What changed beside the first tree is told soon.
    const isFirst = before === undefined && this.tree !== undefined;
    const pauseMs = lookPauseMs(isFirst ? 0 : clock.monotonicMs() - began);
    this.cancel = clock.after(pauseMs, () => {
      this.looking = this.lookAndGoOn();
    });
  }

  /** A tree that changes while Git reads it, or a repository in the middle of something, is looked at again next time. */
  private async look(isLast: boolean): Promise<void> {
    try {
      const isFirst = this.tree === undefined;
      this.tree ??= await this.findFirst();
      if (isLast || !isFirst) await this.compare(this.tree);
      this.failure = undefined;
    } catch (error) {
      this.failure = messageOf(error); // that of the last look counts
    }
  }

  private async compare(before: string): Promise<void> {
    const after = await this.snapshots.take();
    if (after !== before) await this.tell(await changesBetween(this.work.git, before, after), after);
    this.beside.clear();
    this.unknown = new Set();
  }

  private async tell(changes: readonly FileChange[], after: string): Promise<void> {
    const { host, record, trace } = this.options;
    const place = { cwd: host.cwd, top: this.place };
    const isTold = ({ path, oldPath = path }: FileChange): boolean =>
      record.toldFiles.has(path, place) || record.toldFiles.has(oldPath, place);
    const trees = { id: host.ids.next(), before: this.tree ?? "", after };
    const known = await this.dependencies.addTo({ ...trees, changes }, this.stop.signal);
    const untold = known.filter((change) => !isTold(change));
    const { beside, unknown } = this;
    const payloads = renderObservation(untold, { trees, beside: [...beside], unknown });
    const frames = payloads.map((payload) =>
      record.tell({ event_type: "STATE_CHANGE", payload }, { producer: "agent", trace }),
    );
    await Promise.all(frames);
    this.tree = after;
  }
}

/** Finds the work tree to watch; undefined where there is none, or where it cannot be opened, which it says. */
export const observeWorkTree = async (options: ObserverOptions): Promise<Observer | undefined> => {
  const { host, directory } = options;
  const stop = new AbortController();
  try {
    const work = await openWorkTree({ host, directory, signal: stop.signal });
    return work && new TreeObserver(options, work, stop);
  } catch (error) {
    host.warn(`enchanted: changes of files are not observed: ${messageOf(error)}`);
    return undefined;
  }
};
