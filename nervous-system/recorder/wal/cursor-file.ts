import { crc32c } from "./crc32c.ts";
import { errorCode, type Disk, type DiskFile } from "./disk.ts";

/** How far the log has been handed over, with up to 1 KiB that the owner wants to find again. */
export type Cursor = { index: number; note: Buffer };

const FIXED_BYTES = 12; // index u64 ‖ CRC u32

const encode = ({ index, note }: Cursor): Buffer => {
  const bytes = Buffer.alloc(FIXED_BYTES + note.length);
  bytes.writeBigUInt64BE(BigInt(index), 0);
  bytes.set(note, FIXED_BYTES);
  const sum = crc32c(bytes, FIXED_BYTES, bytes.length, crc32c(bytes, 0, 8));
  bytes.writeUInt32BE(sum, 8);
  return bytes;
};

const decode = (bytes: Buffer): Cursor | undefined => {
  if (bytes.length < FIXED_BYTES) return undefined;
  const sum = crc32c(bytes, FIXED_BYTES, bytes.length, crc32c(bytes, 0, 8));
  if (sum !== bytes.readUInt32BE(8)) return undefined;
  return { index: Number(bytes.readBigUInt64BE(0)), note: bytes.subarray(FIXED_BYTES) };
};

const readWhole = async (disk: Disk, path: string): Promise<Buffer> => {
  const file = await disk.open(path);
  try {
    return await file.read(0, await file.size());
  } finally {
    await file.close();
  }
};

/** What `name` holds, or `undefined` if it is missing or damaged: then everything still there is handed over again. */
export const readCursor = async (
  disk: Disk,
  directory: string,
  name: string,
): Promise<Cursor | undefined> => {
  try {
    return decode(await readWhole(disk, `${directory}/${name}`));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
};

/** Replaces the cursor atomically; when it resolves the new one is on the medium. */
export const writeCursor = async (disk: Disk, directory: string, cursor: Cursor): Promise<void> => {
  const temporary = `${directory}/cursor.new`;
  await disk.unlink(temporary).catch((error: unknown) => {
    if (errorCode(error) !== "ENOENT") throw error;
  });
  const file = await disk.create(temporary);
  try {
    await file.write(encode(cursor), 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.rename(temporary, `${directory}/cursor`);
  await disk.syncDirectory(directory);
};

/** Opens, or makes, the file that remembers the last acknowledged index. */
export const openMark = async (disk: Disk, directory: string): Promise<DiskFile> => {
  try {
    return await disk.open(`${directory}/mark`);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    return disk.create(`${directory}/mark`);
  }
};

/**
 * Notes the last acknowledged index, without a sync: it outlives a killed process, not always a dead machine.
 * It tells a tail that a crash cut short from one that was acknowledged and went missing.
 */
export const writeMark = (mark: DiskFile, index: number): Promise<void> =>
  mark.write(encode({ index, note: Buffer.alloc(0) }), 0);
