import { dirname } from "node:path";
import type { Disk, DiskFile } from "./disk.ts";

type Inode = { cached: Buffer; durable: Buffer };

/** The operations that a fault can hit. */
export type DiskOperation = "write" | "sync" | "create" | "truncate" | "syncDirectory" | "unlink" | "rename";

/** A disk in memory that forgets, on a crash, what was not synced, and fails when told to. */
export type SimulatedDisk = {
  /** The disk as the machine sees it until its next crash; what a dead machine still tries fails with EIO. */
  mount(): Disk;
  /** Called before each operation; an answer is thrown as an error of that code. */
  fault: ((operation: DiskOperation, path: string) => string | undefined) | undefined;
  /** Bytes that fit on it; a write beyond is cut short with ENOSPC. */
  capacityBytes: number;
  /** The machine dies: of everything unsynced any part may be left. `pick(n)` chooses an integer in [0, n]. */
  crash(pick: (n: number) => number): void;
  /** The bytes of a file, to be damaged in place. */
  contents(path: string): Buffer;
  cutFile(path: string, size: number): void;
  paths(): string[];
};

const failure = (code: string, path: string): Error =>
  Object.assign(new Error(`${code}: simulated, ${path}`), { code });

const startsWith = (whole: Buffer, head: Buffer): boolean =>
  whole.length >= head.length && whole.subarray(0, head.length).equals(head);

/** What a crash leaves of a file: the synced bytes and some, or none, of what came after, perhaps as zeros. */
const survive = (inode: Inode, pick: (n: number) => number): Buffer => {
  const { cached, durable } = inode;
  if (!startsWith(cached, durable)) return pick(1) === 0 ? durable : cached;
  const kept = durable.length + pick(cached.length - durable.length);
  const left = Buffer.from(cached.subarray(0, kept));
  if (pick(3) === 0) left.fill(0, durable.length + pick(kept - durable.length));
  return left;
};

class MemoryDisk implements SimulatedDisk {
  fault: SimulatedDisk["fault"] = undefined;
  capacityBytes = Number.MAX_SAFE_INTEGER;
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
        const inode = { cached: Buffer.alloc(0), durable: Buffer.alloc(0) };
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
    for (const inode of new Set(after.values())) {
      inode.cached = survive(inode, pick);
      inode.durable = Buffer.from(inode.cached);
    }
    this.cachedNames = after;
    this.durableNames = new Map(after);
  }

  contents(path: string): Buffer {
    return this.find(path).cached;
  }

  cutFile(path: string, size: number): void {
    const inode = this.find(path);
    inode.cached = inode.cached.subarray(0, size);
    inode.durable = Buffer.from(inode.cached);
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
      read: async (position, length) => Buffer.from(inode.cached.subarray(position, position + length)),
      sync: async () => {
        check("sync", path);
        inode.durable = Buffer.from(inode.cached);
      },
      truncate: async (size) => {
        check("truncate", path);
        inode.cached = inode.cached.subarray(0, size);
      },
      size: async () => inode.cached.length,
      close: async () => undefined,
    };
  }

  private writeTo(inode: Inode, path: string, data: Uint8Array, position: number): void {
    const used = [...this.cachedNames.values()].reduce((sum, { cached }) => sum + cached.length, 0);
    const room = Math.max(0, this.capacityBytes - used + inode.cached.length - position);
    const part = data.subarray(0, room);
    const grown = Buffer.alloc(Math.max(inode.cached.length, position + part.length));
    inode.cached.copy(grown);
    grown.set(part, position);
    inode.cached = grown;
    if (part.length < data.length) throw failure("ENOSPC", path);
  }
}

/** Creates an empty simulated disk. */
export const createSimulatedDisk = (): SimulatedDisk => new MemoryDisk();
