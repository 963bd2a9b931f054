import { writeCursor, type Cursor } from "./cursor-file.ts";
import { errorCode, type Disk } from "./disk.ts";
import type { LiveSegment } from "./writer.ts";

/** The half of the log that lets go of what is held elsewhere. */
export type Trimmer = {
  /** Moves the cursor forward; answers whether segments were removed. Backward is ignored. */
  advance(cursor: Cursor): Promise<boolean>;
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
  written: () => number;
};

// A lost cursor costs only sending again what the other side then drops, so it is not made durable for each step.
const PERSIST_EVERY = 1024;

/** How many of the oldest segments can go: all of theirs is stored, and the segment behind holds a record to continue from. */
export const removableSegments = (
  segments: readonly LiveSegment[],
  cursor: number,
  written: number,
): number => {
  let count = 0;
  for (const next of segments.slice(1)) {
    if (next.first - 1 > cursor || next.first > written) break;
    count += 1;
  }
  return count;
};

/** Creates the trimmer: the cursor is on the medium before a segment is unlinked. */
export const createTrimmer = (options: TrimmerOptions): Trimmer => {
  const { disk, directory, segments } = options;
  let { cursor } = options;
  let durable = cursor.index;
  let turn: Promise<unknown> = Promise.resolve();

  const persist = async (): Promise<void> => {
    if (durable === cursor.index) return;
    const target = cursor;
    await writeCursor(disk, directory, target);
    durable = target.index;
  };

  const trim = async (): Promise<boolean> => {
    const count = removableSegments(segments, cursor.index, options.written());
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
  const inTurn = (): Promise<boolean> => {
    const result = turn.then(trim).catch(() => false);
    turn = result;
    return result;
  };

  return {
    advance: async (next) => {
      if (next.index <= cursor.index) return false;
      cursor = next;
      return inTurn();
    },
    cursor: () => cursor,
    close: async () => {
      await turn;
      await persist().catch(() => undefined);
    },
  };
};
