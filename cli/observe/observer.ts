import type { TraceIds } from "#nervous-system/schemas/ids.ts";
import type { Host } from "../host.ts";
import type { OpenRecord } from "../record/open-record.ts";
import { listed } from "../printable.ts";
import { changesBetween, type FileChange } from "./changes.ts";
import { openSnapshots, type Snapshots } from "./snapshots.ts";

/** Watches a work tree and records what changes in it. */
export type Observer = {
  /** The work tree that is watched. */
  place: string;
  /** What was checked out there at the beginning; undefined before the first commit. */
  commit: string | undefined;
  start(): void;
  /** Records what changed since the last look, and ends; answers what was not observed. */
  finish(): Promise<string[]>;
};

/** What an observer needs. */
type ObserverOptions = { host: Host; record: OpenRecord; directory: string; trace: TraceIds };

const SHORTEST_MS = 1000;
/** A look takes at most this share of the time, however large the tree is. */
const SHARE = 20;

const payloadOf = (change: FileChange, place: Record<string, unknown>): Record<string, unknown> => ({
  file_modified: change.path,
  change: change.change,
  ...(change.oldPath === undefined ? {} : { old_path: change.oldPath }),
  ...(change.added === undefined ? {} : { lines_added: change.added, lines_removed: change.removed }),
  ...place,
  ...(change.patch === undefined ? {} : { patch: change.patch }),
  observed_by: "wrapper",
});

/** One observation as the payloads of its frames; only the last one names the tree behind it. */
const renderObservation = (
  changes: readonly FileChange[],
  trees: { id: string; before: string; after: string },
): Array<Record<string, unknown>> =>
  changes.map((change, index) =>
    payloadOf(change, {
      old_state_hash: trees.before,
      ...(index === changes.length - 1 ? { new_state_hash: trees.after } : {}),
      batch: { id: trees.id, index, count: changes.length },
    }),
  );

const MOST_NAMES = 5;

class TreeObserver implements Observer {
  readonly place: string;
  readonly commit: string | undefined;
  private readonly options: ObserverOptions;
  private readonly snapshots: Snapshots;
  private tree: string;
  private cancel: () => void = () => undefined;
  private looking: Promise<void> = Promise.resolve();
  private isOver = false;

  constructor(options: ObserverOptions, snapshots: Snapshots, tree: string) {
    this.options = options;
    this.snapshots = snapshots;
    this.tree = tree;
    this.place = snapshots.top;
    this.commit = snapshots.commit;
  }

  start(): void {
    this.schedule(SHORTEST_MS);
  }

  async finish(): Promise<string[]> {
    this.isOver = true;
    this.cancel();
    await this.looking;
    const failure = await this.look();
    const leftOut = this.snapshots.leftOut();
    return [
      ...(failure === undefined ? [] : [`the last changes of files were not observed: ${failure}`]),
      ...(leftOut.length === 0 ? [] : [`not observed, as Git cannot take it: ${listed(leftOut, MOST_NAMES)}`]),
    ];
  }

  private schedule(ms: number): void {
    const { clock } = this.options.host;
    this.cancel = clock.after(ms, () => {
      this.looking = this.lookAndGoOn();
    });
  }

  private async lookAndGoOn(): Promise<void> {
    const { clock } = this.options.host;
    const began = clock.monotonicMs();
    await this.look();
    if (!this.isOver) this.schedule(Math.max(SHORTEST_MS, SHARE * (clock.monotonicMs() - began)));
  }

  /** A tree that changes while Git reads it, or a repository in the middle of something, is looked at again next time. */
  private async look(): Promise<string | undefined> {
    try {
      const after = await this.snapshots.take();
      if (after === this.tree) return undefined;
      const changes = await changesBetween(this.snapshots, this.tree, after);
      await this.tell(changes, after);
      this.tree = after;
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error); // the last look at the end is the one that counts
    }
  }

  private async tell(changes: readonly FileChange[], after: string): Promise<void> {
    const { host, record, trace } = this.options;
    const place = { cwd: host.cwd, top: this.place };
    const isTold = ({ path, oldPath = path }: FileChange): boolean =>
      record.toldFiles.has(path, place) || record.toldFiles.has(oldPath, place);
    const untold = changes.filter((change) => !isTold(change));
    const payloads = renderObservation(untold, { id: host.ids.next(), before: this.tree, after });
    const frames = payloads.map((payload) =>
      record.tell({ event_type: "STATE_CHANGE", payload }, { producer: "agent", trace }),
    );
    await Promise.all(frames);
  }
}

/** Takes the first snapshot; undefined outside a work tree, or where Git cannot read it, which it says. */
export const observeWorkTree = async (options: ObserverOptions): Promise<Observer | undefined> => {
  const { host, record, directory } = options;
  const place = { cwd: host.cwd, directory, except: record.path, env: host.env, clock: host.clock };
  try {
    const snapshots = await openSnapshots(place);
    return snapshots && new TreeObserver(options, snapshots, await snapshots.take());
  } catch (error) {
    host.warn(
      `enchanted: changes of files are not observed: ${error instanceof Error ? error.message : String(error)}`,
    );
    return undefined;
  }
};
