import { dirname } from "node:path";
import type { Disk, DiskFile } from "#nervous-system/recorder/wal/disk.ts";

/** A file: `before` is what the medium holds while synced bytes are overwritten or cut and that is not synced yet. */
type Inode = { bytes: Buffer; size: number; durable: number; before: Buffer | undefined; dropped: boolean };

/** The operations that a fault can hit. */
export type DiskOperation = "read" | "write" | "sync" | "create" | "truncate" | "syncDirectory" | "unlink" | "rename";

/** A disk in memory that forgets, on a crash, what was not synced, and fails when told to. */
export type SimulatedDisk = {
  /** The disk as the machine sees it until its next crash; what a dead machine still tries fails with EIO. */
  mount(): Disk;
  /** Called before each operation; an answer is thrown as an error of that code. */
  fault: ((operation: DiskOperation, path: string) => string | undefined) | undefined;
  /** Bytes that fit on it; a write beyond is cut short with ENOSPC. */
  capacityBytes: number;
  /** Whether a sync answers without bringing anything to the medium, as a disk does that lies about its cache. */
  lies: boolean;
  /** The machine dies: of everything unsynced any part may be left. `pick(n)` chooses an integer in [0, n]. */
  crash(pick: (n: number) => number): void;
  /** The bytes of a file, to be damaged in place. */
  contents(path: string): Buffer;
  /** Flips one bit of a file, on the medium too. */
  flip(path: string, at: number, bit: number): void;
  cutFile(path: string, size: number): void;
  paths(): string[];
};

const failure = (code: string, path: string): Error =>
  Object.assign(new Error(`${code}: simulated, ${path}`), { code });

const newInode = (bytes: Buffer): Inode => ({
  bytes,
  size: bytes.length,
  durable: bytes.length,
  before: undefined,
  dropped: false,
});

const cached = ({ bytes, size }: Inode): Buffer => bytes.subarray(0, size);

/** What a crash leaves of a file: the synced bytes and some, or none, of what came after, perhaps as zeros. */
const survive = (inode: Inode, pick: (n: number) => number): Buffer => {
  const { size, durable, before } = inode;
  if (before !== undefined) return Buffer.from(pick(1) === 0 ? before : cached(inode));
  const kept = durable + pick(size - durable);
  const left = Buffer.from(inode.bytes.subarray(0, kept));
  if (pick(3) === 0) left.fill(0, durable + pick(kept - durable));
  return left;
};

/** Remembers what the medium holds before its bytes from `position` on change in the cache only. */
const keepBefore = (inode: Inode, position: number): void => {
  if (position < inode.durable) inode.before ??= Buffer.from(inode.bytes.subarray(0, inode.durable));
};

const syncInode = (inode: Inode): void => {
  if (inode.dropped) return; // after a failed sync the kernel may have dropped the pages, and says nothing the next time
  inode.before = undefined;
  inode.durable = inode.size;
};

const writeInode = (inode: Inode, data: Uint8Array, position: number): void => {
  keepBefore(inode, position);
  const size = Math.max(inode.size, position + data.length);
  if (size > inode.bytes.length) {
    const grown = Buffer.alloc(Math.max(size, 2 * inode.bytes.length, 256));
    cached(inode).copy(grown);
    inode.bytes = grown;
  }
  inode.bytes.set(data, position);
  inode.size = size;
};

const truncateInode = (inode: Inode, size: number): void => {
  if (size >= inode.size) return;
  keepBefore(inode, size);
  inode.bytes.fill(0, size, inode.size);
  inode.size = size;
  if (inode.before === undefined) return;
  inode.durable = Math.min(inode.durable, size);
};

class MemoryDisk implements SimulatedDisk {
  fault: SimulatedDisk["fault"] = undefined;
  capacityBytes = Number.MAX_SAFE_INTEGER;
  lies = false;
  private cachedNames = new Map<string, Inode>();
  private durableNames = new Map<string, Inode>();
  private crashes = 0;

  mount(): Disk {
    const mounted = this.crashes;
    const check = (operation: DiskOperation, path: string): void => this.check(operation, path, mounted);
    return {
      list: async (directory) =>
        this.paths().flatMap((path) => (dirname(path) === directory ? [path.slice(directory.length + 1)] : [])),
      create: async (path) => {
        check("create", path);
        if (this.cachedNames.has(path)) throw failure("EEXIST", path);
        const inode = newInode(Buffer.alloc(0));
        this.cachedNames.set(path, inode);
        return this.fileOf(inode, path, check);
      },
      open: async (path) => this.fileOf(this.find(path), path, check),
      rename: async (from, to) => {
        check("rename", from);
        this.cachedNames.set(to, this.find(from));
        this.cachedNames.delete(from);
      },
      unlink: async (path) => {
        check("unlink", path);
        this.find(path);
        this.cachedNames.delete(path);
      },
      syncDirectory: async (directory) => {
        check("syncDirectory", directory);
        this.durableNames = new Map(this.cachedNames);
      },
    };
  }

  crash(pick: (n: number) => number): void {
    this.crashes += 1;
    const after = new Map<string, Inode>();
    for (const path of new Set([...this.cachedNames.keys(), ...this.durableNames.keys()])) {
      const inode = pick(1) === 0 ? this.durableNames.get(path) : this.cachedNames.get(path);
      if (inode !== undefined) after.set(path, inode);
    }
    const left = new Map([...new Set(after.values())].map((inode) => [inode, newInode(survive(inode, pick))]));
    for (const [path, inode] of after) after.set(path, left.get(inode) as Inode);
    this.cachedNames = after;
    this.durableNames = new Map(after);
  }

  contents(path: string): Buffer {
    return cached(this.find(path));
  }

  flip(path: string, at: number, bit: number): void {
    const inode = this.find(path);
    for (const bytes of [cached(inode), inode.before ?? Buffer.alloc(0)])
      if (at < bytes.length) bytes[at] = (bytes[at] as number) ^ (1 << bit);
  }

  cutFile(path: string, size: number): void {
    const inode = this.find(path);
    Object.assign(inode, newInode(Buffer.from(inode.bytes.subarray(0, size))));
  }

  paths(): string[] {
    return [...this.cachedNames.keys()];
  }

  private check(operation: DiskOperation, path: string, mounted: number): void {
    const code = mounted === this.crashes ? this.fault?.(operation, path) : "EIO";
    if (code !== undefined) throw failure(code, path);
  }

  private find(path: string): Inode {
    const inode = this.cachedNames.get(path);
    if (inode === undefined) throw failure("ENOENT", path);
    return inode;
  }

  private fileOf(inode: Inode, path: string, check: (operation: DiskOperation, path: string) => void): DiskFile {
    return {
      write: async (data, position) => {
        check("write", path);
        this.writeTo(inode, path, data, position);
      },
      read: async (position, length) => {
        check("read", path);
        return Buffer.from(cached(inode).subarray(position, position + length));
      },
      sync: async () => this.sync(inode, () => check("sync", path)),
      truncate: async (size) => {
        check("truncate", path);
        truncateInode(inode, size);
      },
      size: async () => inode.size,
      close: async () => undefined,
    };
  }

  private sync(inode: Inode, check: () => void): void {
    try {
      check();
    } catch (error) {
      inode.dropped = true;
      throw error;
    }
    if (!this.lies) syncInode(inode);
  }

  private writeTo(inode: Inode, path: string, data: Uint8Array, position: number): void {
    const used = [...this.cachedNames.values()].reduce((sum, { size }) => sum + size, 0);
    // What is overwritten where it is needs no room.
    const room = Math.max(0, this.capacityBytes - used) + Math.max(0, inode.size - position);
    const part = data.subarray(0, room);
    writeInode(inode, part, position);
    if (part.length < data.length) throw failure("ENOSPC", path);
  }
}

/** Creates an empty simulated disk. */
export const createSimulatedDisk = (): SimulatedDisk => new MemoryDisk();
