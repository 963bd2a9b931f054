import { readCursor, writeCursor } from "./wal/cursor-file.ts";
import type { Disk } from "./wal/disk.ts";

/** Counts one more start of a component beside its log and answers the count, 1 for the first; durable when it resolves. */
export const nextEpoch = async (disk: Disk, directory: string): Promise<number> => {
  await disk.list(directory);
  const before = await readCursor(disk, directory, "epoch");
  const index = (before?.index ?? 0) + 1;
  await writeCursor(disk, directory, { index, note: Buffer.alloc(0) }, "epoch");
  return index;
};
