import { afterEach, describe, expect, it } from "@jest/globals";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { createNodeDisk } from "./node-disk.ts";
import { createNodeProcesses } from "./node-processes.ts";
import type { Processes } from "./lock.ts";
import type { WalEntry } from "./reader.ts";
import { createSimulatedDisk, type SimulatedDisk } from "#test/simulation/simulated-disk.ts";
import { openWal, type Wal, type WalOptions } from "./wal.ts";

const hasty = { ...systemClock(), sleep: (_ms: number, signal?: AbortSignal) => systemClock().sleep(1, signal) };
const alone: Processes = { self: () => "1", isAlive: () => false };

const open = (disk: SimulatedDisk, more: Partial<WalOptions> = {}): Promise<Wal> =>
  openWal({ directory: "/log", disk: disk.mount(), clock: hasty, processes: alone, salt: () => 7, ...more });

const readAll = async (wal: Wal, from = 1): Promise<WalEntry[]> => {
  const reader = wal.reader(from);
  const entries: WalEntry[] = [];
  const limit = { records: 100, bytes: 1_000_000 };
  for (let got = await reader.next(limit); got.length > 0; got = await reader.next(limit)) entries.push(...got);
  await reader.close();
  return entries;
};
const indices = (entries: readonly WalEntry[]): unknown[] =>
  entries.map((entry) => (entry.kind === "record" ? entry.index : [entry.from, entry.to]));
const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await new Promise(setImmediate);
};

describe("the log on a disk without room", () => {
  it("waits, says why, and goes on when there is room: nothing is lost and nothing is written twice", async () => {
    const disk = createSimulatedDisk();
    const wal = await open(disk);
    await wal.append(Buffer.alloc(500, 1));
    disk.capacityBytes = 700;
    let isWritten = false;
    const waiting = wal.append(Buffer.alloc(500, 2)).then((index) => {
      isWritten = true;
      return index;
    });
    await until(() => wal.stats().stall !== undefined);
    expect(wal.stats().stall).toMatchObject({ reason: "noSpace", message: expect.stringMatching(/no space left/) });
    expect(isWritten).toBe(false);
    disk.capacityBytes = 10_000;
    expect(await waiting).toBe(2);
    expect(wal.stats().stall).toBeUndefined();
    expect(indices(await readAll(wal))).toEqual([1, 2]);
    await wal.close();
  });

  it("waits at its cap until records are stored", async () => {
    const limits = { segmentBytes: 300, groupBytes: 300, maxBytes: 1000, keepBytes: 0, floorBytes: 0 };
    const wal = await open(createSimulatedDisk(), { limits });
    const appended: number[] = [];
    const all = Promise.all(
      Array.from({ length: 8 }, () => wal.append(Buffer.alloc(230)).then((index) => appended.push(index))),
    );
    await until(() => wal.stats().stall?.reason === "full");
    const [before] = [appended.length];
    expect(before).toBe(4);
    await wal.advance(3);
    await until(() => appended.length > before);
    await wal.advance(8);
    await until(() => appended.length >= 7);
    await wal.advance(8);
    await all;
    expect(appended).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    await wal.close();
  });

  it("rejects what still waits when it is closed, and says that it did not write it", async () => {
    const disk = createSimulatedDisk();
    const wal = await open(disk);
    disk.capacityBytes = 0;
    const refused = wal.append(Buffer.alloc(10)).catch((error: unknown) => error);
    await until(() => wal.stats().stall !== undefined);
    await wal.close();
    expect(await refused).toMatchObject({ code: "WAL_CLOSED", message: expect.stringMatching(/no space/) });
    await expect(wal.append(Buffer.alloc(1))).rejects.toMatchObject({ code: "WAL_CLOSED" });
  });
});

describe("the log on a disk that fails", () => {
  it.each(["sync", "write", "create", "syncDirectory"] as const)(
    "acknowledges nothing after a failed %s until it is on the medium by another way",
    async (operation) => {
      const disk = createSimulatedDisk();
      const wal = await open(disk, { limits: { segmentBytes: 100 } });
      await wal.append(Buffer.from("one"));
      let failures = 3;
      disk.fault = (done, path) => (done === operation && path !== "/log/mark" && failures-- > 0 ? "EIO" : undefined);
      const rest = await Promise.all(["two", "three", "four"].map((text) => wal.append(Buffer.from(text.repeat(20)))));
      expect(rest).toEqual([2, 3, 4]);
      expect(failures).toBeLessThan(0);
      disk.crash(() => 0); // only what was synced is left
      const reopened = await open(disk);
      expect(indices(await readAll(reopened))).toEqual([1, 2, 3, 4]);
      await reopened.close();
    },
  );

  it.each(["sync", "write", "create", "syncDirectory"] as const)(
    "leaves no file behind for each failed %s, however often it tries",
    async (operation) => {
      const disk = createSimulatedDisk();
      const wal = await open(disk, { limits: { segmentBytes: 30 } }); // one record each
      await wal.append(Buffer.from("one"));
      let failures = 0;
      const segments = (): number => disk.paths().filter((path) => path.endsWith(".wal")).length;
      let most = 0;
      disk.fault = (done, path) => {
        if (done !== operation || path === "/log/mark" || failures === 50) return undefined;
        most = Math.max(most, segments());
        failures += 1;
        return "EIO";
      };
      expect(await wal.append(Buffer.from("two"))).toBe(2);
      expect([failures, most <= 2, segments() <= 2]).toEqual([50, true, true]);
      await wal.close();
      const reopened = await open(disk);
      expect(indices(await readAll(reopened))).toEqual([1, 2]);
      await reopened.close();
    },
  );

  it("refuses a record that is larger than any frame", async () => {
    const wal = await open(createSimulatedDisk());
    await expect(wal.append(Buffer.alloc(1024 * 1024 + 1))).rejects.toMatchObject({ code: "RECORD_TOO_LARGE" });
    expect(await wal.append(Buffer.alloc(1024 * 1024))).toBe(1);
    await wal.close();
  });
});

describe("the log after a process was killed in the middle of a write", () => {
  it("brings to the medium what it finds in the machine's memory before it counts on it", async () => {
    const disk = createSimulatedDisk();
    const wal = await open(disk);
    await wal.append(Buffer.from("one"));
    disk.lies = true; // written, and not synced when the process died
    await wal.append(Buffer.from("two"));
    disk.lies = false;
    const second = await open(disk);
    expect(indices(await readAll(second))).toEqual([1, 2]);
    disk.crash(() => 0); // now the machine dies too
    const third = await open(disk);
    expect(indices(await readAll(third))).toEqual([1, 2]);
    await third.close();
  });

  it.each([
    ["in a payload", 25],
    ["in a header", 7],
    ["nowhere", 0],
  ])("takes an end whose bytes never came, from %s on, for a write that nobody acknowledged", async (_where, kept) => {
    const disk = createSimulatedDisk();
    const wal = await open(disk);
    await wal.append(Buffer.from("one"));
    await wal.close();
    const path = disk.paths().find((name) => name.endsWith(".wal")) as string;
    const before = disk.contents(path).length;
    const next = await open(disk);
    await next.append(Buffer.from("two that is longer"));
    await next.append(Buffer.from("three"));
    await next.close();
    const added = disk.paths().find((name) => name.endsWith(".wal") && name !== path) as string;
    disk.contents(added).fill(0, kept);
    for (const hint of ["/log/mark", "/log/stored"]) disk.cutFile(hint, 0);
    const reopened = await open(disk);
    expect(before).toBeGreaterThan(0);
    expect(reopened.first).toBe(2);
    expect(indices(await readAll(reopened))).toEqual([1]);
    await reopened.close();
  });
});

describe("letting go of what is stored", () => {
  it("has the cursor on the medium before a segment is unlinked", async () => {
    const disk = createSimulatedDisk();
    const limits = { segmentBytes: 100, groupBytes: 100, keepBytes: 0, floorBytes: 0 };
    const wal = await open(disk, { limits });
    for (let n = 0; n < 6; n += 1) await wal.append(Buffer.alloc(70));
    let isCursorDurable = false;
    const unlinkedBefore: string[] = [];
    disk.fault = (operation, path) => {
      if (operation === "syncDirectory") isCursorDurable = true;
      if (operation === "unlink" && path.endsWith(".wal") && !isCursorDurable) unlinkedBefore.push(path);
      return undefined;
    };
    await wal.advance(4, Buffer.from("note"));
    expect(isCursorDurable).toBe(true);
    expect(unlinkedBefore).toEqual([]);
    expect(wal.stats().segments).toBe(2);
    disk.crash(() => 0);
    const reopened = await open(disk, { limits });
    expect(reopened.cursor()).toMatchObject({ index: 4, note: Buffer.from("note") });
    expect(indices(await readAll(reopened, 5))).toEqual([5, 6]);
    await reopened.close();
  });

  it("keeps stored segments, for a stream that loses its tail, as long as there is room", async () => {
    const limits = { segmentBytes: 100, groupBytes: 100, keepBytes: 250, floorBytes: 0 };
    const wal = await open(createSimulatedDisk(), { limits });
    for (let n = 0; n < 6; n += 1) await wal.append(Buffer.alloc(70));
    await wal.advance(6);
    expect(wal.stats().bytes).toBeGreaterThanOrEqual(250);
    expect(indices(await readAll(wal))).toEqual([[1, 3], 4, 5, 6]);
    await wal.close();
  });
});

describe("a log that has no room", () => {
  it("keeps its floor of what is stored, where a producer without an answer finds what it said", async () => {
    const disk = createSimulatedDisk();
    const limits = { segmentBytes: 100, groupBytes: 100, keepBytes: 1_000_000, floorBytes: 250 };
    const wal = await open(disk, { limits });
    for (let n = 0; n < 12; n += 1) await wal.append(Buffer.alloc(70));
    await wal.advance(12);
    disk.capacityBytes = 0;
    const waiting = wal.append(Buffer.alloc(70));
    await until(() => wal.stats().stall !== undefined && wal.stats().segments < 12);
    expect(wal.stats().bytes).toBeGreaterThanOrEqual(250);
    expect(wal.stats().bytes).toBeLessThan(500);
    disk.capacityBytes = 1_000_000;
    expect(await waiting).toBe(13);
    await wal.close();
  });
});

describe("the log on the machine's own disk", () => {
  const directories: string[] = [];
  const fresh = (): string => {
    const directory = mkdtempSync(join(tmpdir(), "wal-"));
    directories.push(directory);
    return directory;
  };
  afterEach(() => {
    for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
  });
  const openReal = (directory: string, processes: Processes = createNodeProcesses()): Promise<Wal> =>
    openWal({ directory, disk: createNodeDisk(), clock: systemClock(), processes, salt: () => 42 });

  it("gives back after a restart what it acknowledged", async () => {
    const directory = fresh();
    const wal = await openReal(directory);
    const written = await Promise.all(Array.from({ length: 300 }, (_, n) => wal.append(Buffer.from(`record ${n}`))));
    expect(written).toEqual(Array.from({ length: 300 }, (_, n) => n + 1));
    await wal.close();
    const reopened = await openReal(directory);
    const entries = await readAll(reopened);
    expect(entries.map((entry) => entry.kind === "record" && entry.payload.toString())).toEqual(
      Array.from({ length: 300 }, (_, n) => `record ${n}`),
    );
    expect(reopened.last).toMatchObject({ index: 300 });
    await reopened.close();
  });

  it("is refused to a second owner by name, and given over when the first one is dead", async () => {
    const directory = fresh();
    const wal = await openReal(directory);
    await expect(openReal(directory)).rejects.toMatchObject({
      code: "WAL_LOCKED",
      message: expect.stringMatching(new RegExp(`held by process ${process.pid}/`)),
    });
    await wal.close();
    writeFileSync(join(directory, "lock"), `${process.pid}/1/not-this-boot`);
    const second = await openReal(directory);
    await second.close();
    expect(readdirSync(directory).filter((name) => name.startsWith("lock"))).toEqual([]);
  });

  it("is free again after a start that failed", async () => {
    const disk = createSimulatedDisk();
    let left = 1;
    disk.fault = (_operation, path) => (path.endsWith("/stored") && left-- > 0 ? "EIO" : undefined);
    const processes: Processes = { self: () => "1", isAlive: (id) => id === "1" };
    await expect(open(disk, { processes })).rejects.toMatchObject({ code: "EIO" });
    await (await open(disk, { processes })).close();
  });

  it("goes to exactly one of many that want a dead owner's lock at once", async () => {
    const directory = fresh();
    writeFileSync(join(directory, "lock"), "dead");
    const rivals = Array.from({ length: 8 }, (_, n) =>
      openReal(directory, { self: () => `rival-${n}`, isAlive: (id) => id.startsWith("rival") }),
    );
    const ended = await Promise.allSettled(rivals);
    const winners = ended.flatMap((end) => (end.status === "fulfilled" ? [end.value] : []));
    expect(winners).toHaveLength(1);
    await winners[0]?.close();
  });
});
