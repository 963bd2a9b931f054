import type { ChainPosition } from "./compose.ts";
import { positionAfter } from "./compose.ts";
import { decodePosition, decodeStoredFrame } from "./stored-record.ts";
import type { Wal } from "./wal/wal.ts";

/** Where a chain continues after a restart, and how many acknowledged frames before it cannot be read any more. */
export type RecoveredPosition = { position: ChainPosition | undefined; lost: number };

/** Finds the end of the chain in the log: its last readable record, or what the cursor remembers if that is newer. */
export const recoverPosition = (wal: Pick<Wal, "last" | "first" | "cursor">): RecoveredPosition => {
  const cursor = wal.cursor();
  const stored = decodePosition(cursor.note);
  const last = wal.last;
  if (last !== undefined && last.index >= cursor.index) {
    return { position: positionAfter(decodeStoredFrame(last.payload)), lost: wal.first - 1 - last.index };
  }
  // Not one record is left to tell: then all that were ever given out are lost.
  if (stored === undefined) return { position: undefined, lost: wal.first - 1 };
  return { position: stored, lost: wal.first - 1 - cursor.index };
};
