import type { Disk, DiskFile } from "./disk.ts";
import { scanSegment, type ScanPlace, type ScanStep } from "./segment-scan.ts";
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

/** Creates a reader that begins with index `from`. */
export const createReader = (source: ReaderSource, from: number): WalReader => {
  let due = from; // the next index that the caller is owed
  let generation = generationHolding(source, from);
  let entered = -1;
  let place: ScanPlace = { offset: 0, expected: 0 };
  let open: { generation: number; file: DiskFile } | undefined;

  const fileOf = async (segment: LiveSegment): Promise<DiskFile> => {
    if (open?.generation === segment.generation) return open.file;
    await open?.file.close();
    open = undefined;
    const file = await source.disk.open(`${source.directory}/${segment.file}`);
    open = { generation: segment.generation, file };
    return file;
  };

  const gapUpTo = (to: number): WalEntry[] => {
    if (to < due) return [];
    const gap: WalEntry = { kind: "gap", from: due, to };
    due = to + 1;
    return [gap];
  };

  /** What a step says to the caller; indices that the next segment begins anew do not count here. */
  const entriesOf = (step: ScanStep, last: number): WalEntry[] => {
    if (step.kind === "tail") return gapUpTo(last);
    if (step.kind === "lost") return gapUpTo(Math.min(step.to, last));
    if (step.index > last || step.index < due) return [];
    due = step.index + 1;
    return [{ kind: "record", index: step.index, payload: step.payload }];
  };

  const behind = (step: ScanStep, view: View): ScanPlace => {
    if (step.kind === "tail") return { offset: view.end, expected: view.last + 1 };
    return { offset: step.end, expected: (step.kind === "record" ? step.index : step.to) + 1 };
  };

  /** Reads on in one segment; answers whether it came to the end of it. */
  const readSegment = async (view: View, limit: ReadLimit, out: WalEntry[]): Promise<boolean> => {
    const { salt } = view.segment;
    const file = await fileOf(view.segment);
    let bytes = 0;
    for await (const step of scanSegment({ file, salt, end: view.end }, place)) {
      place = behind(step, view);
      out.push(...entriesOf(step, view.last));
      bytes += step.kind === "record" ? step.payload.length : 0;
      if (out.length >= limit.records || bytes >= limit.bytes) return false;
    }
    if (view.isNewest) out.push(...gapUpTo(view.last)); // cut off at its end, and known to have been written
    return true;
  };

  const enter = ({ segment }: View, out: WalEntry[]): void => {
    if (entered === segment.generation) return;
    entered = segment.generation;
    place = { offset: 0, expected: segment.first };
    out.push(...gapUpTo(segment.first - 1));
  };

  return {
    next: async (limit) => {
      const out: WalEntry[] = [];
      for (;;) {
        const view = viewFrom(source, generation);
        if (view === undefined) return [...out, ...gapUpTo(source.written())];
        generation = view.segment.generation;
        enter(view, out);
        const finished = await readSegment(view, limit, out);
        if (!finished || view.isNewest || out.length > 0) return out;
        generation += 1;
      }
    },
    close: async () => {
      await open?.file.close();
      open = undefined;
    },
  };
};
