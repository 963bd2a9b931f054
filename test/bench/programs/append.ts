// P3, one contestant: 64 writers, each appends a record and waits until it is on the medium before the next one.
import { createHistogram } from "node:perf_hooks";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { createNodeDisk } from "#nervous-system/recorder/wal/node-disk.ts";
import { createNodeProcesses } from "#nervous-system/recorder/wal/node-processes.ts";
import { openWal } from "#nervous-system/recorder/wal/wal.ts";
import { programSettings, report } from "../harness/program.ts";

/** Resolves when the record is on the medium. */
type Append = (record: Buffer) => Promise<unknown>;
type Log = { append: Append; close(): Promise<unknown> | void };
type Settings = {
  who: string;
  peers: string;
  directory: string;
  writers: number;
  bytes: number;
  seconds: number;
};

const settings = programSettings() as Settings;
const requirePeer = createRequire(join(settings.peers, "package.json"));

const ourWal = async (directory: string): Promise<Log> =>
  openWal({
    directory,
    disk: createNodeDisk(),
    clock: systemClock(),
    processes: createNodeProcesses(),
    salt: () => Math.floor(Math.random() * 2 ** 32),
    limits: { maxBytes: 8 * 1024 ** 3 },
  });

type Statement = { run(record: Buffer): unknown };
type Database = {
  pragma(text: string): unknown;
  exec(text: string): void;
  prepare(text: string): Statement;
  close(): void;
};

const openSqlite = (directory: string): { database: Database; insert: Statement } => {
  const Sqlite = requirePeer("better-sqlite3") as new (path: string) => Database;
  const database = new Sqlite(join(directory, "log.db"));
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = FULL");
  database.exec("CREATE TABLE log (id INTEGER PRIMARY KEY, record BLOB NOT NULL)");
  return { database, insert: database.prepare("INSERT INTO log (record) VALUES (?)") };
};

/** A transaction an append: what a caller who must know that its record is safe does with this library. */
const sqlite = (directory: string): Log => {
  const { database, insert } = openSqlite(directory);
  return { append: (record) => Promise.resolve(insert.run(record)), close: () => database.close() };
};

/** A transaction for all appends that wait: the group commit that an author would write around the library. */
const sqliteGrouped = (directory: string): Log => {
  const { database, insert } = openSqlite(directory);
  let waiting: Array<{ record: Buffer; resolve: (value: unknown) => void }> = [];
  const flush = (): void => {
    const group = waiting;
    waiting = [];
    database.exec("BEGIN IMMEDIATE");
    for (const { record } of group) insert.run(record);
    database.exec("COMMIT");
    for (const { resolve } of group) resolve(undefined);
  };
  return {
    append: (record) =>
      new Promise((resolve) => {
        if (waiting.push({ record, resolve }) === 1) setImmediate(flush);
      }),
    close: () => database.close(),
  };
};

type Level = {
  open(): Promise<void>;
  put(key: string, value: Buffer, o: object): Promise<void>;
  close(): Promise<void>;
};

/** LevelDB groups writers that wait by itself. */
const level = async (directory: string): Promise<Log> => {
  const { ClassicLevel } = requirePeer("classic-level") as { ClassicLevel: new (path: string, o: object) => Level };
  const database = new ClassicLevel(join(directory, "level"), { valueEncoding: "buffer" });
  await database.open();
  let key = 0;
  return {
    append: (record) => database.put(String((key += 1)).padStart(16, "0"), record, { sync: true }),
    close: () => database.close(),
  };
};

/** Nothing but the disk: one write of 64 KiB and one fdatasync at a time, the floor under 64 writers of 1 KiB. */
const bareDisk = async (directory: string): Promise<Log> => {
  const file = await createNodeDisk().create(join(directory, "bare"));
  const block = Buffer.alloc(settings.writers * settings.bytes, 7);
  let position = 0;
  return {
    append: async () => {
      await file.write(block, position);
      await file.sync();
      position += block.length;
    },
    close: () => file.close(),
  };
};

const logs: Readonly<Record<string, (directory: string) => Log | Promise<Log>>> = {
  ours: ourWal,
  sqlite,
  sqliteGrouped,
  level,
  bareDisk,
};

await mkdir(settings.directory, { recursive: true });
const log = await (logs[settings.who] as (directory: string) => Log | Promise<Log>)(settings.directory);
const record = Buffer.from("x".repeat(settings.bytes));
const latencies = createHistogram();
let appended = 0;
let measuring = false;
let until = 0;

const writer = async (): Promise<void> => {
  while (performance.now() < until) {
    const started = performance.now();
    await log.append(record);
    if (!measuring) continue;
    latencies.record(Math.max(1, Math.round((performance.now() - started) * 1000)));
    appended += 1;
  }
};

const phase = async (seconds: number): Promise<number> => {
  const started = performance.now();
  until = started + seconds * 1000;
  await Promise.all(Array.from({ length: settings.who === "bareDisk" ? 1 : settings.writers }, writer));
  return (performance.now() - started) / 1000;
};

await phase(settings.seconds / 4);
measuring = true;
const cpuBefore = process.cpuUsage();
const took = await phase(settings.seconds);
const cpu = process.cpuUsage(cpuBefore);
await log.close();
report({
  appendsPerSecond: appended / took,
  cpuMicrosPerAppend: (cpu.user + cpu.system) / appended,
  p50: latencies.percentile(50) / 1000,
  p99: latencies.percentile(99) / 1000,
});
