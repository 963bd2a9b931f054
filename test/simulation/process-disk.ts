import type { Disk, DiskFile } from "#nervous-system/recorder/wal/disk.ts";
import type { EventLoop } from "./event-loop.ts";
import type { Life } from "./life.ts";
import type { Random } from "./random.ts";

/** A call to the disk that has not ended: what it does, and what it does where the process dies in the middle of it. */
type Call = { whole: () => Promise<unknown>; torn?: () => Promise<unknown> };

/** What a process's disk is made of. */
export type ProcessDiskOptions = {
  /** The machine's disk. */
  disk: Disk;
  life: Life;
  loop: EventLoop;
  random: Random;
  /** Of one sync, milliseconds. */
  syncMs: () => number;
};

const WRITE_MS = 0.1;

/**
 * The disk as one process has it: calls take time, and a kill lets the kernel finish those under way, or not. What was
 * written without a sync outlives the process, not the machine.
 */
export const createProcessDisk = ({ disk, life, loop, random, syncMs }: ProcessDiskOptions): Disk => {
  const underWay = new Set<Call>();
  life.onDeath(() => {
    for (const { whole, torn } of underWay) {
      const fate = random.between(0, 2);
      const done = fate === 0 ? undefined : fate === 1 ? whole() : torn?.();
      done?.catch(() => undefined);
    }
    underWay.clear();
  });
  const at = <T>(ms: number, whole: () => Promise<T>, torn?: () => Promise<unknown>): Promise<T> =>
    new Promise((resolve, reject) => {
      if (!life.isAlive()) return;
      const call: Call = torn === undefined ? { whole } : { whole, torn };
      underWay.add(call);
      loop.after(ms, () => {
        if (underWay.delete(call)) whole().then(life.hears(resolve), life.hears(reject));
      });
    });
  const now = <T>(whole: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      if (life.isAlive()) whole().then(life.hears(resolve), life.hears(reject));
    });
  const fileOf = (file: DiskFile): DiskFile => ({
    read: (position, length) => now(() => file.read(position, length)),
    size: () => now(() => file.size()),
    close: () => now(() => file.close()),
    truncate: (size) => at(WRITE_MS, () => file.truncate(size)),
    sync: () => at(syncMs(), () => file.sync()),
    write: (data, position) =>
      at(
        WRITE_MS,
        () => file.write(data, position),
        () => file.write(data.subarray(0, random.between(0, data.length)), position),
      ),
  });
  return {
    list: (directory) => now(() => disk.list(directory)),
    open: (path) => now(async () => fileOf(await disk.open(path))),
    create: (path) => at(WRITE_MS, async () => fileOf(await disk.create(path))),
    rename: (from, to) => at(WRITE_MS, () => disk.rename(from, to)),
    unlink: (path) => at(WRITE_MS, () => disk.unlink(path)),
    syncDirectory: (directory) => at(syncMs(), () => disk.syncDirectory(directory)),
  };
};
