import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import type { WalEntry } from "./reader.ts";
import { createSimulatedDisk, type SimulatedDisk } from "#test/simulation/simulated-disk.ts";
import { openWal, type Wal } from "./wal.ts";

const ALL = { records: 1_000_000, bytes: Number.MAX_SAFE_INTEGER };
const DIRECTORY = "/log";

/** What the test knows: which payloads were handed in for an index, and which were acknowledged. */
type Model = { submitted: Map<number, Set<string>>; acknowledged: Map<number, string>; stored: number };

const newModel = (): Model => ({ submitted: new Map(), acknowledged: new Map(), stored: 0 });

const open = (disk: SimulatedDisk, life: number, segmentBytes: number): Promise<Wal> => {
  let salt = life * 1_000_003;
  return openWal({
    directory: DIRECTORY,
    disk: disk.mount(),
    clock: systemClock(),
    processes: { self: () => String(life), isAlive: () => false },
    salt: () => (salt = (Math.imul(salt, 1_664_525) + 1_013_904_223) >>> 0),
    limits: { segmentBytes, groupBytes: segmentBytes, keepBytes: 0, floorBytes: 0 },
  });
};

const submit = (model: Model, index: number, payload: string): void => {
  const known = model.submitted.get(index) ?? new Set();
  model.submitted.set(index, known.add(payload));
};

/** Appends payloads together; `await` it to have them acknowledged. */
const appendAll = async (wal: Wal, model: Model, next: number, payloads: readonly string[]): Promise<void> => {
  payloads.forEach((payload, at) => submit(model, next + at, payload));
  await Promise.all(
    payloads.map(async (payload, at) => {
      const index = await wal.append(Buffer.from(payload));
      expect(index).toBe(next + at);
      model.acknowledged.set(index, payload);
    }),
  );
};

const readAll = async (wal: Wal, from: number): Promise<WalEntry[]> => {
  const reader = wal.reader(from);
  const entries: WalEntry[] = [];
  for (let got = await reader.next(ALL); got.length > 0; got = await reader.next(ALL)) entries.push(...got);
  await reader.close();
  return entries;
};

/** In order, nothing twice, nothing invented; every acknowledged index is there or, if losses are allowed, in a gap. */
const judge = (entries: readonly WalEntry[], model: Model, from: number, lossesAllowed: boolean): void => {
  let due = from;
  const seen = new Map<number, string>();
  for (const entry of entries) {
    const start = entry.kind === "record" ? entry.index : entry.from;
    expect(start).toBe(due);
    due = (entry.kind === "record" ? entry.index : entry.to) + 1;
    if (entry.kind === "gap") {
      expect(entry.to).toBeGreaterThanOrEqual(entry.from);
      if (!lossesAllowed) throw new Error(`gap ${entry.from}..${entry.to} where nothing was damaged`);
      continue;
    }
    const text = entry.payload.toString();
    expect(model.submitted.get(entry.index)).toContain(text);
    seen.set(entry.index, text);
  }
  for (const [index, payload] of model.acknowledged) {
    if (index < from) continue;
    expect(index).toBeLessThan(due);
    if (seen.has(index) || !lossesAllowed) expect(seen.get(index)).toBe(payload);
  }
};

const nextOf = (wal: Wal): number => wal.stats().written + 1;

const payloads = fc.array(fc.string({ maxLength: 60 }), { minLength: 1, maxLength: 8 });
const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("append" as const), payloads }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("advance" as const), by: fc.nat(12) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("crash" as const),
      payloads,
      picks: fc.array(fc.nat(), { minLength: 1, maxLength: 30 }),
      duringSync: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("close" as const) }) },
);

const picker = (picks: readonly number[]): ((n: number) => number) => {
  let at = 0;
  return (n) => (picks[at++ % picks.length] as number) % (n + 1);
};

describe("the write-ahead log, whatever happens to the machine", () => {
  it("has every acknowledged record after any crash, in order, once, and reports no gap", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(action, { maxLength: 25 }),
        fc.integer({ min: 60, max: 400 }),
        async (actions, segmentBytes) => {
          const disk = createSimulatedDisk();
          const model = newModel();
          let life = 1;
          let wal = await open(disk, life, segmentBytes);
          for (const act of actions) {
            if (act.kind === "append") {
              await appendAll(wal, model, nextOf(wal), act.payloads);
              continue;
            }
            if (act.kind === "advance") {
              model.stored = Math.min(wal.stats().cursor + act.by, wal.stats().written);
              await wal.advance(model.stored);
              continue;
            }
            if (act.kind === "close") await wal.close();
            else {
              // Frozen in the middle of a group: its appends never answer, the machine dies, another life begins.
              disk.fault = (operation) => (operation === (act.duringSync ? "sync" : "write") ? "EIO" : undefined);
              const next = nextOf(wal);
              act.payloads.forEach((payload, at) => submit(model, next + at, payload));
              const dying = act.payloads.map((payload) => wal.append(Buffer.from(payload)).catch(() => 0));
              while (wal.stats().stall === undefined) await Promise.resolve();
              disk.crash(picker(act.picks));
              await wal.close().catch(() => undefined);
              await Promise.all(dying);
              disk.fault = undefined;
            }
            life += 1;
            wal = await open(disk, life, segmentBytes);
            judge(await readAll(wal, wal.cursor().index + 1), model, wal.cursor().index + 1, false);
          }
          judge(await readAll(wal, wal.cursor().index + 1), model, wal.cursor().index + 1, false);
          await wal.close();
        },
      ),
      { numRuns: 150 },
    );
  });

  it("has every acknowledged record or reports its gap when bits flip and files are cut, and reads on behind it", async () => {
    const damage = fc.record({ file: fc.nat(), at: fc.nat(), bit: fc.nat(7), cut: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(
        fc.array(payloads, { minLength: 1, maxLength: 8 }),
        fc.array(damage, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 60, max: 400 }),
        async (groups, damages, segmentBytes) => {
          const disk = createSimulatedDisk();
          const model = newModel();
          let wal = await open(disk, 1, segmentBytes);
          for (const group of groups) await appendAll(wal, model, nextOf(wal), group);
          await wal.close();
          for (const { file, at, bit, cut } of damages) {
            const segments = disk.paths().filter((path) => path.endsWith(".wal"));
            const path = segments[file % segments.length] as string;
            const size = disk.contents(path).length;
            if (size === 0) continue;
            if (cut) disk.cutFile(path, at % size);
            else {
              const bytes = disk.contents(path);
              bytes[at % size] = (bytes[at % size] as number) ^ (1 << bit);
            }
          }
          for (const life of [2, 3]) {
            wal = await open(disk, life, segmentBytes);
            judge(await readAll(wal, 1), model, 1, true);
            expect(wal.first).toBeGreaterThan(Math.max(...model.acknowledged.keys()));
            await appendAll(wal, model, nextOf(wal), ["behind", "the damage"]);
            judge(await readAll(wal, 1), model, 1, true);
            await wal.close();
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});
