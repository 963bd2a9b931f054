import { close, fdatasync, fstat, ftruncate, open, read, write } from "node:fs";
import { open as openHandle, readdir, rename, unlink } from "node:fs/promises";
import { makeDirectory } from "#nervous-system/kernel/make-directory.ts";
import type { Disk, DiskFile } from "./disk.ts";

// Bare descriptors and callbacks: a FileHandle costs twice as much per call, and the log makes two per group.
const call = <T>(run: (done: (error: Error | null, value?: T) => void) => void): Promise<T> =>
  new Promise((resolve, reject) => {
    run((error, value) => (error === null ? resolve(value as T) : reject(error)));
  });

const writeAll = async (fd: number, data: Uint8Array, position: number): Promise<void> => {
  let done = 0;
  while (done < data.length) {
    const from = done;
    done += await call<number>((cb) =>
      write(fd, data, from, data.length - from, position + from, (error, n) => cb(error, n)),
    );
  }
};

const readUpTo = async (fd: number, position: number, length: number): Promise<Buffer> => {
  const buffer = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const from = done;
    const got = await call<number>((cb) =>
      read(fd, buffer, from, length - from, position + from, (error, n) => cb(error, n)),
    );
    if (got === 0) break;
    done += got;
  }
  return buffer.subarray(0, done);
};

const openFile = async (path: string, flags: string): Promise<DiskFile> => {
  const fd = await call<number>((cb) => open(path, flags, 0o600, cb));
  return {
    write: (data, position) => writeAll(fd, data, position),
    read: (position, length) => readUpTo(fd, position, length),
    sync: () => call<void>((cb) => fdatasync(fd, cb)),
    truncate: (size) => call<void>((cb) => ftruncate(fd, size, cb)),
    size: async () => (await call<{ size: number }>((cb) => fstat(fd, cb))).size,
    close: () => call<void>((cb) => close(fd, cb)),
  };
};

/** The machine's own file system. */
export const createNodeDisk = (): Disk => ({
  list: async (directory) => {
    await makeDirectory(directory, 0o700);
    return readdir(directory);
  },
  create: (path) => openFile(path, "wx+"),
  open: (path) => openFile(path, "r+"),
  rename,
  unlink,
  syncDirectory: async (directory) => {
    const handle = await openHandle(directory, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
});
