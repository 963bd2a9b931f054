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

/** Creates an empty simulated disk. */
export const createSimulatedDisk = (): SimulatedDisk => {
  let cachedNames = new Map<string, Inode>();
  let durableNames = new Map<string, Inode>();
  let crashes = 0;
  const check = (operation: DiskOperation, path: string, mounted: number): void => {
    const code = mounted === crashes ? disk.fault?.(operation, path) : "EIO";
    if (code !== undefined) throw failure(code, path);
  };
  const used = (): number => [...cachedNames.values()].reduce((sum, inode) => sum + inode.cached.length, 0);

  const writeTo = (inode: Inode, path: string, data: Uint8Array, position: number): void => {
    const room = Math.max(0, disk.capacityBytes - used() + inode.cached.length - position);
    const part = data.subarray(0, room);
    const grown = Buffer.alloc(Math.max(inode.cached.length, position + part.length));
    inode.cached.copy(grown);
    grown.set(part, position);
    inode.cached = grown;
    if (part.length < data.length) throw failure("ENOSPC", path);
  };

  const fileOf = (inode: Inode, path: string, mounted: number): DiskFile => ({
    write: async (data, position) => {
      check("write", path, mounted);
      writeTo(inode, path, data, position);
    },
    read: async (position, length) => Buffer.from(inode.cached.subarray(position, position + length)),
    sync: async () => {
      check("sync", path, mounted);
      inode.durable = Buffer.from(inode.cached);
    },
    truncate: async (size) => {
      check("truncate", path, mounted);
      inode.cached = inode.cached.subarray(0, size);
    },
    size: async () => inode.cached.length,
    close: async () => undefined,
  });

  const find = (path: string): Inode => {
    const inode = cachedNames.get(path);
    if (inode === undefined) throw failure("ENOENT", path);
    return inode;
  };

  const mount = (mounted: number): Disk => ({
    list: async (directory) =>
      [...cachedNames.keys()]
        .filter((path) => dirname(path) === directory)
        .map((path) => path.slice(directory.length + 1)),
    create: async (path) => {
      check("create", path, mounted);
      if (cachedNames.has(path)) throw failure("EEXIST", path);
      const inode = { cached: Buffer.alloc(0), durable: Buffer.alloc(0) };
      cachedNames.set(path, inode);
      return fileOf(inode, path, mounted);
    },
    open: async (path) => fileOf(find(path), path, mounted),
    rename: async (from, to) => {
      check("rename", from, mounted);
      cachedNames.set(to, find(from));
      cachedNames.delete(from);
    },
    unlink: async (path) => {
      check("unlink", path, mounted);
      find(path);
      cachedNames.delete(path);
    },
    syncDirectory: async (directory) => {
      check("syncDirectory", directory, mounted);
      durableNames = new Map(cachedNames);
    },
  });

  const disk: SimulatedDisk = {
    fault: undefined,
    capacityBytes: Number.MAX_SAFE_INTEGER,
    mount: () => mount(crashes),
    crash: (pick) => {
      crashes += 1;
      const after = new Map<string, Inode>();
      for (const path of new Set([...cachedNames.keys(), ...durableNames.keys()])) {
        const inode = pick(1) === 0 ? durableNames.get(path) : cachedNames.get(path);
        if (inode !== undefined) after.set(path, inode);
      }
      for (const inode of new Set(after.values())) {
        inode.cached = survive(inode, pick);
        inode.durable = Buffer.from(inode.cached);
      }
      cachedNames = after;
      durableNames = new Map(after);
    },
    contents: (path) => find(path).cached,
    cutFile: (path, size) => {
      const inode = find(path);
      inode.cached = inode.cached.subarray(0, size);
      inode.durable = Buffer.from(inode.cached);
    },
    paths: () => [...cachedNames.keys()],
  };
  return disk;
};
