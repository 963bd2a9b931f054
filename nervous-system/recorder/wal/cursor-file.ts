import { crc32c } from "./crc32c.ts";
import { errorCode, type Disk, type DiskFile } from "./disk.ts";

/** How far the log has been handed over, with up to 1 KiB that the owner wants to find again. */
export type Cursor = { index: number; note: Buffer };

const FIXED_BYTES = 14; // index u64 ‖ CRC u32 ‖ length of the note u16; a mark may have an older, longer note behind it

const checksum = (bytes: Buffer): number => crc32c(bytes, 12, bytes.length, crc32c(bytes, 0, 8));

const encode = ({ index, note }: Cursor): Buffer => {
  const bytes = Buffer.alloc(FIXED_BYTES + note.length);
  bytes.writeBigUInt64BE(BigInt(index), 0);
  bytes.writeUInt16BE(note.length, 12);
  bytes.set(note, FIXED_BYTES);
  bytes.writeUInt32BE(checksum(bytes), 8);
  return bytes;
};

const decode = (bytes: Buffer): Cursor | undefined => {
  if (bytes.length < FIXED_BYTES) return undefined;
  const whole = bytes.subarray(0, FIXED_BYTES + bytes.readUInt16BE(12));
  if (checksum(whole) !== bytes.readUInt32BE(8)) return undefined;
  return { index: Number(bytes.readBigUInt64BE(0)), note: whole.subarray(FIXED_BYTES) };
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
export const readCursor = async (disk: Disk, directory: string, name: string): Promise<Cursor | undefined> => {
  try {
    return decode(await readWhole(disk, `${directory}/${name}`));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
};

/** Replaces the file `name` atomically; when it resolves the new one is on the medium. */
export const writeCursor = async (
  disk: Disk,
  directory: string,
  cursor: Cursor,
  name: "cursor" | "epoch" = "cursor",
): Promise<void> => {
  const temporary = `${directory}/${name}.new`;
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
  await disk.rename(temporary, `${directory}/${name}`);
  await disk.syncDirectory(directory);
};

/** Opens, or makes, a mark: `mark` remembers the last acknowledged index, `stored` the last one handed over. */
export const openMark = async (disk: Disk, directory: string, name: "mark" | "stored"): Promise<DiskFile> => {
  try {
    return await disk.open(`${directory}/${name}`);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    return disk.create(`${directory}/${name}`);
  }
};

/** Writes a mark, without a sync: it outlives a killed process, not always a dead machine, and is only ever a hint. */
export const writeMark = (mark: DiskFile, cursor: Cursor): Promise<void> => mark.write(encode(cursor), 0);
