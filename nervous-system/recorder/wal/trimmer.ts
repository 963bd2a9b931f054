import { writeCursor, writeMark, type Cursor } from "./cursor-file.ts";
import { errorCode, type Disk, type DiskFile } from "./disk.ts";
import type { LiveSegment } from "./writer.ts";

/** The half of the log that lets go of what is held elsewhere. */
export type Trimmer = {
  /** Moves the cursor forward; answers whether segments were removed. Backward is ignored. */
  advance(cursor: Cursor): Promise<boolean>;
  /** From now on nothing behind `index` is let go of, whatever the cursor says. */
  hold(index: number): Promise<boolean>;
  /** Lets go of all but the floor: the disk has no room. */
  release(): Promise<boolean>;
  cursor(): Cursor;
  /** Makes the cursor durable as far as the disk lets it. */
  close(): Promise<void>;
};

/** What the trimmer works on. */
export type TrimmerOptions = {
  disk: Disk;
  directory: string;
  segments: LiveSegment[];
  cursor: Cursor;
  /** The unsynced copy of the cursor, newer than the durable one after a kill. */
  stored: DiskFile;
  written: () => number;
  /** Bytes of stored segments that stay, for a stream that loses what it had stored. */
  keepBytes: number;
  /** The same where there is no room. */
  floorBytes: number;
};

// A lost cursor costs only sending again what the other side then drops, so it is not made durable for each step.
const PERSIST_EVERY = 16_384;

/**
 * How many of the oldest segments go: all of theirs is stored, the segment behind holds a record to continue from, and
 * what stays is still `keepBytes` or more.
 */
const removableSegments = (
  segments: readonly LiveSegment[],
  state: { cursor: number; written: number; keepBytes: number },
): number => {
  let left = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  let count = 0;
  for (const next of segments.slice(1)) {
    left -= segments[count]?.bytes ?? 0;
    if (next.first - 1 > state.cursor || next.first > state.written || left < state.keepBytes) break;
    count += 1;
  }
  return count;
};

/** A full disk has no room for another cursor file; the mark is overwritten where it is, because freeing segments needs one. */
const makeDurable = async ({ disk, directory, stored }: TrimmerOptions, cursor: Cursor): Promise<void> => {
  try {
    await writeCursor(disk, directory, cursor);
  } catch {
    await writeMark(stored, cursor);
    await stored.sync();
  }
};

/** Creates the trimmer: the cursor is on the medium before a segment is unlinked. */
export const createTrimmer = (options: TrimmerOptions): Trimmer => {
  const { disk, directory, segments } = options;
  let { cursor } = options;
  let held = Number.MAX_SAFE_INTEGER;
  let durable = cursor.index;
  let turn: Promise<unknown> = Promise.resolve();

  const persist = async (): Promise<void> => {
    if (durable === cursor.index) return;
    const target = cursor;
    await makeDurable(options, target);
    durable = target.index;
  };

  const trim = async (keepBytes: number): Promise<boolean> => {
    const count = removableSegments(segments, {
      cursor: Math.min(cursor.index, held),
      written: options.written(),
      keepBytes,
    });
    if (count === 0) {
      if (cursor.index - durable >= PERSIST_EVERY) await persist();
      return false;
    }
    await persist();
    for (let left = count; left > 0; left -= 1) {
      const oldest = segments[0] as LiveSegment;
      await disk.unlink(`${directory}/${oldest.file}`).catch((error: unknown) => {
        if (errorCode(error) !== "ENOENT") throw error;
      });
      segments.shift();
    }
    return true;
  };

  /** One at a time: two trims would unlink the same file. A full disk only delays them. */
  const inTurn = (keepBytes: number): Promise<boolean> => {
    const result = turn.then(() => trim(keepBytes)).catch(() => false);
    turn = result;
    return result;
  };

  return {
    advance: async (next) => {
      if (next.index <= cursor.index) return false;
      cursor = next;
      await writeMark(options.stored, next).catch(() => undefined); // a hint that spares sending again
      return inTurn(options.keepBytes);
    },
    hold: (index) => {
      held = index;
      return inTurn(options.keepBytes);
    },
    release: () => inTurn(options.floorBytes),
    cursor: () => cursor,
    close: async () => {
      await turn;
      await persist().catch(() => undefined);
      await options.stored.close();
    },
  };
};
