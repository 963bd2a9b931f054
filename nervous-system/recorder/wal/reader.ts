import type { Disk, DiskFile } from "./disk.ts";
import { scanSegment, type ScanPlace, type ScanStep } from "./segment.ts";
import type { LiveSegment } from "./writer.ts";

/** What reading meets, in order: a record, or a stretch of indices that cannot be read any more. */
export type WalEntry = { kind: "record"; index: number; payload: Buffer } | { kind: "gap"; from: number; to: number };

/** How much one `next` gives at most. */
export type ReadLimit = { records: number; bytes: number };

/** Reads the log forward; only what is on the medium is seen. */
export type WalReader = {
  /** The next entries; empty at the end of what is written. */
  next(limit: ReadLimit): Promise<WalEntry[]>;
  close(): Promise<void>;
};

/** What the reader sees of the log. */
export type ReaderSource = {
  disk: Disk;
  directory: string;
  segments: readonly LiveSegment[];
  written: () => number;
};

type View = { segment: LiveSegment; end: number; last: number; isNewest: boolean };

/** The segment that stands at or behind `generation`, with the last index that counts in it. */
const viewFrom = (source: ReaderSource, generation: number): View | undefined => {
  const at = source.segments.findIndex((segment) => segment.generation >= generation);
  const segment = source.segments[at];
  if (segment === undefined) return undefined;
  const next = source.segments[at + 1];
  const last = next === undefined ? source.written() : next.first - 1;
  return { segment, end: segment.bytes, last, isNewest: next === undefined };
};

const generationHolding = (source: ReaderSource, from: number): number => {
  const holding = source.segments.findLast((segment) => segment.first <= from);
  return (holding ?? source.segments[0])?.generation ?? 0;
};

class SegmentReader implements WalReader {
  private readonly source: ReaderSource;
  /** The next index that the caller is owed. */
  private due: number;
  private generation: number;
  private entered = -1;
  private place: ScanPlace = { offset: 0, expected: 0 };
  private open: { generation: number; file: DiskFile } | undefined;

  constructor(source: ReaderSource, from: number) {
    this.source = source;
    this.due = from;
    this.generation = generationHolding(source, from);
  }

  async next(limit: ReadLimit): Promise<WalEntry[]> {
    const out: WalEntry[] = [];
    for (;;) {
      const view = viewFrom(this.source, this.generation);
      if (view === undefined) return [...out, ...this.gapUpTo(this.source.written())];
      this.generation = view.segment.generation;
      this.enter(view, out);
      const finished = await this.readSegment(view, limit, out);
      if (!finished || view.isNewest || out.length > 0) return out;
      this.generation += 1;
    }
  }

  async close(): Promise<void> {
    await this.open?.file.close();
    this.open = undefined;
  }

  private async fileOf(segment: LiveSegment): Promise<DiskFile> {
    if (this.open?.generation === segment.generation) return this.open.file;
    await this.close();
    const file = await this.source.disk.open(`${this.source.directory}/${segment.file}`);
    this.open = { generation: segment.generation, file };
    return file;
  }

  private enter({ segment }: View, out: WalEntry[]): void {
    if (this.entered === segment.generation) return;
    this.entered = segment.generation;
    this.place = { offset: 0, expected: segment.first };
    out.push(...this.gapUpTo(segment.first - 1));
  }

  /** Reads on in one segment; answers whether it came to the end of it. */
  private async readSegment(view: View, limit: ReadLimit, out: WalEntry[]): Promise<boolean> {
    const segment = { file: await this.fileOf(view.segment), salt: view.segment.salt, end: view.end };
    let bytes = 0;
    for await (const step of scanSegment(segment, this.place)) {
      this.place = placeBehind(step, view);
      out.push(...this.entriesOf(step, view.last));
      bytes += step.kind === "record" ? step.payload.length : 0;
      if (out.length >= limit.records || bytes >= limit.bytes) return false;
    }
    if (view.isNewest) out.push(...this.gapUpTo(view.last)); // cut off at its end, and known to have been written
    return true;
  }

  /** What a step says to the caller; indices that the next segment begins anew do not count here. */
  private entriesOf(step: ScanStep, last: number): WalEntry[] {
    if (step.kind === "tail") return this.gapUpTo(last);
    if (step.kind === "lost") return this.gapUpTo(Math.min(step.to, last));
    if (step.index > last || step.index < this.due) return [];
    this.due = step.index + 1;
    return [{ kind: "record", index: step.index, payload: step.payload }];
  }

  private gapUpTo(to: number): WalEntry[] {
    if (to < this.due) return [];
    const gap: WalEntry = { kind: "gap", from: this.due, to };
    this.due = to + 1;
    return [gap];
  }
}

const placeBehind = (step: ScanStep, view: View): ScanPlace => {
  if (step.kind === "tail") return { offset: view.end, expected: view.last + 1 };
  return { offset: step.end, expected: (step.kind === "record" ? step.index : step.to) + 1 };
};

/** Creates a reader that begins with index `from`. */
export const createReader = (source: ReaderSource, from: number): WalReader => new SegmentReader(source, from);
