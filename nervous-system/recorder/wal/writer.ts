import type { Clock } from "#nervous-system/kernel/clock.ts";
import { openMark, writeMark } from "./cursor-file.ts";
import { errorCode, type Disk, type DiskFile } from "./disk.ts";
import { encodeRecord, MAX_PAYLOAD_BYTES, recordSize } from "./record-codec.ts";
import { segmentName, type SegmentName } from "./segment-name.ts";
import { WalError } from "./wal-error.ts";

/** Why the log takes nothing at the moment; appends wait until it is over. */
export type Stall = { reason: "full" | "noSpace" | "diskError"; message: string };

/** A segment with the bytes that are known to be on the medium. */
export type LiveSegment = SegmentName & { bytes: number };

/** Limits of the log, in bytes: of a segment, of everything, of one group, and of what stays after it is stored. */
export type WriterLimits = { segmentBytes: number; maxBytes: number; groupBytes: number; keepBytes: number };

/** What the writer needs from outside. */
export type WriterOptions = {
  disk: Disk;
  directory: string;
  clock: Clock;
  /** A random 32-bit number for each new segment. */
  salt: () => number;
  limits: WriterLimits;
  /** Oldest first; the writer adds to it, the trimmer takes from it. */
  segments: LiveSegment[];
  generation: number;
  first: number;
  onWritten: () => void;
  /** Called when there is no room; whoever can make some does. */
  onStall: () => void;
};

type Pending = {
  index: number;
  payload: Uint8Array;
  resolve: (index: number) => void;
  reject: (error: unknown) => void;
};

/** The appending half of the log. */
export type WalWriter = {
  append(payload: Uint8Array): Promise<number>;
  /** The last index on the medium, 0 for none. */
  written(): number;
  stalled(): Stall | undefined;
  /** Tries again at once: room has been made. */
  roomMade(): void;
  /** Writes what waits, if the disk lets it, and ends. What could not be written is rejected. */
  close(): Promise<void>;
};

const RETRY_MS = 250;
// ext4 and xfs answer these when the medium or the quota has no room left.
const NO_SPACE = new Set(["ENOSPC", "EDQUOT"]);

const stallOf = (error: unknown, directory: string): Stall => {
  const code = errorCode(error);
  const what = NO_SPACE.has(code) ? "has no space left" : `answers ${code === "" ? String(error) : code}`;
  return {
    reason: NO_SPACE.has(code) ? "noSpace" : "diskError",
    message: `the disk under ${directory} ${what}; writing is tried again until it succeeds`,
  };
};

/** Creates the writer: one group is gathered while the one before it is being synced. */
export const createWriter = async (options: WriterOptions): Promise<WalWriter> => {
  const { disk, directory, clock, limits, segments } = options;
  const mark = await openMark(disk, directory, "mark");
  const queue: Pending[] = [];
  let generation = options.generation;
  let nextIndex = options.first;
  let written = options.first - 1;
  let file: DiskFile | undefined;
  let stall: Stall | undefined;
  let closing = false;
  let running: Promise<void> | undefined;
  let wake: (() => void) | undefined;

  const openSegment = async (first: number): Promise<DiskFile> => {
    const name = segmentName(generation + 1, first, options.salt());
    const created = await disk.create(`${directory}/${name.file}`);
    generation += 1; // taken even if the rest fails: a name is never used twice
    await disk.syncDirectory(directory);
    segments.push({ ...name, bytes: 0 });
    file = created;
    return created;
  };

  /** Leaves a segment whose last write failed: after a failed sync nobody knows what the medium holds. */
  const abandonSegment = async (): Promise<void> => {
    const broken = file;
    file = undefined;
    await broken?.truncate(segments.at(-1)?.bytes ?? 0).catch(() => undefined);
    await broken?.close().catch(() => undefined);
  };

  const rotateIfFull = async (groupBytes: number, first: number): Promise<DiskFile> => {
    const used = segments.at(-1)?.bytes ?? 0;
    if (file !== undefined && (used === 0 || used + groupBytes <= limits.segmentBytes)) return file;
    await file?.close();
    file = undefined;
    return openSegment(first);
  };

  const total = (): number => segments.reduce((sum, segment) => sum + segment.bytes, 0);

  const takeGroup = (): { group: Pending[]; bytes: number } => {
    const limit = Math.min(limits.groupBytes, limits.segmentBytes);
    let bytes = 0;
    let count = 0;
    for (; count < queue.length; count += 1) {
      const size = recordSize((queue[count] as Pending).payload);
      if (count > 0 && bytes + size > limit) break;
      bytes += size;
    }
    return { group: queue.slice(0, count), bytes };
  };

  const writeGroup = async (group: readonly Pending[], bytes: number): Promise<void> => {
    const target = await rotateIfFull(bytes, (group[0] as Pending).index);
    const segment = segments.at(-1) as LiveSegment;
    const buffer = Buffer.allocUnsafe(bytes);
    let offset = 0;
    for (const { index, payload } of group) offset = encodeRecord(buffer, offset, { index, payload }, segment.salt);
    await target.write(buffer, segment.bytes);
    await target.sync();
    segment.bytes += bytes;
    written = (group.at(-1) as Pending).index;
    await writeMark(mark, { index: written, note: Buffer.alloc(0) }).catch(() => undefined); // a hint: the records themselves are safe
  };

  const pause = async (reason: Stall): Promise<void> => {
    stall = reason;
    const retry = new AbortController();
    wake = () => retry.abort();
    options.onStall();
    await clock.sleep(RETRY_MS, retry.signal).catch(() => undefined);
    wake = undefined;
  };

  const step = async (): Promise<void> => {
    const { group, bytes } = takeGroup();
    if (total() + bytes > limits.maxBytes) {
      const message = `the log in ${directory} holds ${total()} of ${limits.maxBytes} bytes; it goes on when frames have been stored`;
      return pause({ reason: "full", message });
    }
    try {
      await writeGroup(group, bytes);
    } catch (error) {
      await abandonSegment();
      return pause(stallOf(error, directory));
    }
    stall = undefined;
    queue.splice(0, group.length);
    for (const pending of group) pending.resolve(pending.index);
    options.onWritten();
  };

  const run = async (): Promise<void> => {
    while (queue.length > 0 && !(closing && stall !== undefined)) await step();
    running = undefined;
  };

  const kick = (): void => {
    running ??= Promise.resolve().then(run);
  };

  return {
    append: (payload) => {
      if (closing) return Promise.reject(new WalError("WAL_CLOSED", `the log in ${directory} is closed`));
      if (payload.length > MAX_PAYLOAD_BYTES) {
        const message = `a record of ${payload.length} bytes is larger than the limit of ${MAX_PAYLOAD_BYTES}`;
        return Promise.reject(new WalError("RECORD_TOO_LARGE", message));
      }
      return new Promise((resolve, reject) => {
        queue.push({ index: nextIndex, payload, resolve, reject });
        nextIndex += 1;
        kick();
      });
    },
    written: () => written,
    stalled: () => stall,
    roomMade: () => wake?.(),
    close: async () => {
      closing = true;
      wake?.();
      await running;
      const message = `the log in ${directory} was closed while ${stall?.message ?? "records waited"}`;
      for (const pending of queue.splice(0)) pending.reject(new WalError("WAL_CLOSED", message));
      await file?.close();
      await mark.close();
    },
  };
};
