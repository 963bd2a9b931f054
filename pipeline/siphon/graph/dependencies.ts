import type { DependencyStatement, Stamp } from "#pipeline/siphon/graph/model.ts";
import { isBefore, type Moment } from "#pipeline/siphon/moment.ts";

/** What is known of a file's dependencies. */
export type KnownDependencies = {
  /** Keys of the files that it depends on now. */
  readonly on: readonly string[];
  /** Where it was said last; absent where nothing was. */
  readonly said?: Moment | undefined;
};

/** A statement and its frame. */
export type StatedDependencies = DependencyStatement & { readonly event: string; readonly stamp: Stamp };

/** A dependency that begins, and may have ended again already. */
type BegunDependency = {
  readonly from: string;
  readonly to: string;
  readonly event: string;
  readonly stamp: Stamp;
  readonly end?: Stamp | undefined;
};

/** A dependency of before that ends. */
type EndedDependency = { readonly from: string; readonly to: string; readonly end: Stamp };

/** What a batch changes; `said` is where each file's dependencies were said last. */
export type DependencyChanges = {
  readonly begun: readonly BegunDependency[];
  readonly ended: readonly EndedDependency[];
  readonly said: ReadonlyMap<string, Stamp>;
};

type OpenEdge = BegunDependency | "before";

class FileDependencies {
  readonly file: string;
  readonly begun: BegunDependency[] = [];
  readonly ended: EndedDependency[] = [];
  said: Moment | undefined;
  stamp: Stamp | undefined;
  #open: Map<string, OpenEdge>;

  constructor(file: string, known: KnownDependencies) {
    this.file = file;
    this.said = known.said;
    this.#open = new Map(known.on.map((key) => [key, "before"]));
  }

  take({ on, event, stamp }: StatedDependencies): void {
    if (this.said !== undefined && isBefore(stamp, this.said)) return;
    this.said = this.stamp = stamp;
    const named = new Set(on);
    for (const [to, edge] of this.#open) if (!named.has(to)) this.#end(to, edge, stamp);
    const kept = [...named].map((to): [string, OpenEdge] => [
      to,
      this.#open.get(to) ?? { from: this.file, to, event, stamp },
    ]);
    this.#open = new Map(kept);
  }

  #end(to: string, edge: OpenEdge, end: Stamp): void {
    if (edge === "before") this.ended.push({ from: this.file, to, end });
    else this.begun.push({ ...edge, end });
  }

  finish(): void {
    for (const edge of this.#open.values()) if (edge !== "before") this.begun.push(edge);
  }
}

/**
 * Folds statements, in the order of the stream, into the dependencies that begin and end by them. Each states all that
 * its file depends on: what it does not name any more ends there. One that is older than what is known says nothing.
 */
export const foldDependencies = (
  known: ReadonlyMap<string, KnownDependencies>,
  statements: readonly StatedDependencies[],
): DependencyChanges => {
  const files = new Map<string, FileDependencies>();
  for (const statement of statements) {
    const { file } = statement;
    const dependencies = files.get(file) ?? new FileDependencies(file, known.get(file) ?? { on: [] });
    files.set(file, dependencies);
    dependencies.take(statement);
  }
  const folded = [...files.values()];
  for (const file of folded) file.finish();
  return {
    begun: folded.flatMap(({ begun }) => begun),
    ended: folded.flatMap(({ ended }) => ended),
    said: new Map(folded.flatMap(({ file, stamp }) => (stamp === undefined ? [] : [[file, stamp]]))),
  };
};
