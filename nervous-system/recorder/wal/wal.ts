import type { Clock } from "#nervous-system/kernel/clock.ts";
import { createCondition } from "#nervous-system/kernel/condition.ts";
import { openMark, readCursor, type Cursor } from "./cursor-file.ts";
import type { Disk } from "./disk.ts";
import { takeLock, type Processes } from "./lock.ts";
import { createReader, type WalReader } from "./reader.ts";
import { recoverSegments } from "./recover.ts";
import { createTrimmer, type Trimmer } from "./trimmer.ts";
import { createWriter, type LiveSegment, type Stall, type WalWriter, type WriterLimits, type Room } from "./writer.ts";

/** Where and within which limits a log lives. */
export type WalOptions = {
  directory: string;
  disk: Disk;
  clock: Clock;
  processes: Processes;
  /** A random unsigned 32-bit number for each segment. */
  salt: () => number;
  limits?: Partial<WriterLimits>;
};

/** A record as it was found when the log was opened. */
type LastRecord = { index: number; payload: Buffer };

/** What the log holds at this moment. */
export type WalStats = { bytes: number; segments: number; written: number; cursor: number; stall?: Stall };

/** A write-ahead log: indices from 1, gap-free, each record on the medium before its append resolves. */
export type Wal = {
  /** Resolves with the record's index when it is on the medium; waits while the disk or the cap has no room. */
  append(payload: Uint8Array, room?: Room): Promise<number>;
  /** A reader that begins with index `from`. */
  reader(from: number): WalReader;
  /** Everything up to `index` is held elsewhere; `note` is found again in `cursor()` after a restart. */
  advance(index: number, note?: Uint8Array): Promise<void>;
  /** Nothing behind `index` is let go of from now on, even if `advance` was called for it: other stores do not have it yet. */
  hold(index: number): Promise<void>;
  /** The last `advance`; index 0 when there was none. */
  cursor(): Cursor;
  /** The newest readable record there was at opening. */
  last: LastRecord | undefined;
  /** The index that the first append since opening gets; more than `last.index + 1` when records were lost. */
  first: number;
  /** Resolves when an index above `index` is written, or rejects with the signal's reason. */
  writtenBeyond(index: number, signal: AbortSignal): Promise<void>;
  stats(): WalStats;
  close(): Promise<void>;
};

const DEFAULT_LIMITS: Omit<WriterLimits, "floorBytes"> = {
  segmentBytes: 64 * 1024 * 1024,
  maxBytes: 512 * 1024 * 1024,
  groupBytes: 1024 * 1024,
  keepBytes: 64 * 1024 * 1024,
};
const MAX_FLOOR_BYTES = 4 * 1024 * 1024;

/** The floor leaves most of the log to new records, and holds several groups. */
const limitsOf = (given: Partial<WriterLimits> = {}): WriterLimits => {
  const limits = { ...DEFAULT_LIMITS, ...given };
  return { floorBytes: Math.min(MAX_FLOOR_BYTES, limits.maxBytes / 4), ...limits };
};

const findCursor = async (disk: Disk, directory: string): Promise<Cursor> => {
  const durable = await readCursor(disk, directory, "cursor");
  const stored = await readCursor(disk, directory, "stored");
  const [older, newer] = (durable?.index ?? 0) > (stored?.index ?? 0) ? [stored, durable] : [durable, stored];
  return newer ?? older ?? { index: 0, note: Buffer.alloc(0) };
};

const statsOf = (segments: readonly LiveSegment[], writer: WalWriter, trimmer: Trimmer): WalStats => {
  const stall = writer.stalled();
  return {
    bytes: segments.reduce((sum, segment) => sum + segment.bytes, 0),
    segments: segments.length,
    written: writer.written(),
    cursor: trimmer.cursor().index,
    ...(stall === undefined ? {} : { stall }),
  };
};

/** Opens the log in `directory`, cuts what a crash tore, and continues behind the last record. Rejects with `WAL_LOCKED` while another process has it. */
export const openWal = async (options: WalOptions): Promise<Wal> => {
  await options.disk.list(options.directory);
  const unlock = await takeLock(options);
  try {
    return await openLocked(options, unlock);
  } catch (error) {
    await unlock().catch(() => undefined); // whoever tries again must find it free
    throw error;
  }
};

const openLocked = async (options: WalOptions, unlock: () => Promise<void>): Promise<Wal> => {
  const { disk, directory } = options;
  const cursor = await findCursor(disk, directory);
  const mark = await readCursor(disk, directory, "mark");
  const found = await recoverSegments(disk, directory, Math.max(cursor.index, mark?.index ?? 0));
  const { segments } = found;
  const written = createCondition();
  const limits = limitsOf(options.limits);
  const writer = await createWriter({
    ...options,
    segments,
    limits,
    generation: found.generation,
    first: found.next,
    onWritten: () => written.notify(),
    onStall: () => void trimmer.release().then((made) => made && writer.roomMade()),
  });
  const stored = await openMark(disk, directory, "stored");
  const trimmer = createTrimmer({
    disk,
    directory,
    segments,
    cursor,
    stored,
    written: () => writer.written(),
    keepBytes: Math.max(limits.keepBytes, limits.floorBytes),
    floorBytes: limits.floorBytes,
  });
  return {
    append: (payload, room) => writer.append(payload, room),
    reader: (from) => createReader({ disk, directory, segments, written: () => writer.written() }, from),
    advance: async (index, note = Buffer.alloc(0)) => {
      if (await trimmer.advance({ index, note: Buffer.from(note) })) writer.roomMade();
    },
    hold: async (index) => {
      if (await trimmer.hold(index)) writer.roomMade();
    },
    cursor: () => trimmer.cursor(),
    last: found.last,
    first: found.next,
    writtenBeyond: async (index, signal) => {
      while (writer.written() <= index) await written.wait(signal);
    },
    stats: () => statsOf(segments, writer, trimmer),
    close: async () => {
      await writer.close();
      await trimmer.close();
      await unlock();
    },
  };
};
