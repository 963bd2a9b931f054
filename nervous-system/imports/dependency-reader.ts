import type { FileChange } from "#nervous-system/git/file-changes.ts";
import type { Git } from "#nervous-system/git/git.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { createImportReader, type ImportReader } from "./import-reader.ts";
import { createFileIndex, type FileIndex } from "./resolve/file-index.ts";
import { manifestsFor, resolveImports } from "./resolve/resolve-imports.ts";
import { sourceKindOf, type SourceKind } from "./source-kind.ts";
import { listTree, readTexts } from "./tree-files.ts";
import { untilEnd } from "./until-end.ts";

/** A change with what its file depends on after it; that is absent where it is not known. */
export type KnownChange = FileChange & { readonly dependsOn?: readonly string[] };

/** What changed from one tree to another. */
type Changes = { readonly before: string; readonly after: string; readonly changes: readonly FileChange[] };

/** Tells what files that changed depend on. */
export type DependencyReader = {
  /**
   * The same changes, in the same order, and what is known of the files' dependencies: paths in the tree, and libraries as package
   * URLs. Of what it does not know in time, or before the signal aborts, it says nothing. Never throws.
   */
  addTo(changes: Changes, signal?: AbortSignal): Promise<readonly KnownChange[]>;
  /** Ends what it reads with. */
  close(): Promise<void>;
};

/** What a reader needs: Git where the trees are, and how long it may take of each time. */
export type DependencyReaderOptions = {
  readonly git: Git;
  readonly clock: Pick<Clock, "after">;
  readonly withinMs: number;
};

/** A checkout of another branch changes more: of these the first are read. */
const MAX_SOURCES = 200;
/** The names of more files take too much memory beside a program. */
const MAX_FILES = 200_000;

type Source = { kind: SourceKind; path: string };

const sourcesAmong = (changes: readonly FileChange[]): Source[] =>
  changes
    .filter(({ change }) => change !== "deleted")
    .map(({ path }) => ({ kind: sourceKindOf(path), path }))
    .filter((source): source is Source => source.kind !== undefined)
    .slice(0, MAX_SOURCES);

class TreeDependencies implements DependencyReader {
  private readonly options: DependencyReaderOptions;
  private readonly reader: ImportReader;
  private known: { tree: string; files: FileIndex } | undefined;

  constructor(options: DependencyReaderOptions) {
    this.options = options;
    this.reader = createImportReader(options.clock);
  }

  async addTo(changes: Changes, signal?: AbortSignal): Promise<readonly KnownChange[]> {
    const sources = sourcesAmong(changes.changes);
    if (sources.length === 0) return changes.changes;
    const found = new Map<string, readonly string[]>();
    const { promise: late, resolve: giveUp } = Promise.withResolvers<"late">();
    const giveUpNow = (): void => giveUp("late");
    const cancel = this.options.clock.after(this.options.withinMs, giveUpNow);
    signal?.addEventListener("abort", giveUpNow);
    if (signal?.aborted === true) giveUpNow();
    // What fails, as Git does where the user ends everything, leaves out what was to be known.
    await this.find({ changes, sources, found, late }).catch(() => undefined);
    signal?.removeEventListener("abort", giveUpNow);
    cancel();
    return changes.changes.map((change) => {
      const dependsOn = found.get(change.path);
      return dependsOn === undefined ? change : { ...change, dependsOn };
    });
  }

  close(): Promise<void> {
    return this.reader.close();
  }

  private async find(work: {
    changes: Changes;
    sources: readonly Source[];
    found: Map<string, readonly string[]>;
    late: Promise<"late">;
  }): Promise<void> {
    const { changes, sources, found, late } = work;
    const read = await Promise.race([this.read(changes, sources), late]);
    if (read === "late" || read === undefined) return;
    for (const source of sources) {
      const text = read.texts.get(source.path);
      if (text === undefined) continue;
      const specifiers = await Promise.race([this.reader.read(source.kind, text), late]);
      if (specifiers === "late") return;
      const tree = { files: read.files, manifests: read.texts };
      const dependsOn = specifiers && (await untilEnd(resolveImports(specifiers, source, tree), late));
      if (dependsOn === "late") return;
      if (dependsOn !== undefined) found.set(source.path, dependsOn);
    }
  }

  private async read(
    changes: Changes,
    sources: readonly Source[],
  ): Promise<{ files: FileIndex; texts: ReadonlyMap<string, string> } | undefined> {
    const files = await this.filesOf(changes);
    if (files === undefined) return undefined;
    const manifests = sources.flatMap(({ kind, path }) => manifestsFor(kind, path, files));
    const names = new Set([...sources.map(({ path }) => path), ...manifests]);
    return { files, texts: await readTexts(this.options.git, changes.after, [...names]) };
  }

  /** The files of the tree after the changes, which are listed anew only where one came or went. */
  private async filesOf({ before, after, changes }: Changes): Promise<FileIndex | undefined> {
    const isSame = this.known?.tree === before && changes.every(({ change }) => change === "modified");
    if (this.known === undefined || !isSame) {
      this.known = undefined;
      const names = await listTree(this.options.git, after);
      if (names.length > MAX_FILES) return undefined;
      this.known = { tree: after, files: createFileIndex(names) };
    }
    this.known.tree = after;
    return this.known.files;
  }
}

/** Creates a reader, which takes neither time nor memory before a source has changed. */
export const createDependencyReader = (options: DependencyReaderOptions): DependencyReader =>
  new TreeDependencies(options);
