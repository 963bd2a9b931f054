import { describe, expect, it } from "@jest/globals";
import type { Registry } from "prom-client";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { auditorState } from "#nervous-system/schemas/part-states.ts";
import { createRegistry } from "#nervous-system/telemetry/metrics.ts";
import type { Finding } from "#pipeline/auditor/finding.ts";
import { createAuditLog } from "#pipeline/auditor/audit-state.ts";
import { createFindingsBoard } from "#pipeline/auditor/findings-board.ts";
import { createAuditorMetrics } from "#pipeline/auditor/measure.ts";
import { runAuditor } from "#pipeline/auditor/run-auditor.ts";
import type { Stride, Walk } from "#pipeline/auditor/walk.ts";
import { createWalker } from "#pipeline/auditor/walker.ts";

const lost: Finding = {
  store: "ledger",
  kind: "missing",
  subject: "a/1",
  place: 512,
  frames: 3,
  first: "frame 1",
};

/** A walk over numbered units; what is found of each is the test's to say. */
class Numbered implements Walk<number> {
  readonly name = "record";
  readonly begin = 1;
  readonly found = new Map<number, Finding[]>();
  readonly taken: number[] = [];
  end = 5;
  settled = Infinity;
  away: Promise<never> | undefined;
  broken: number | undefined;

  newest = async (): Promise<number> => this.end + 1;

  async stride(at: number): Promise<Stride<number> | undefined> {
    if (this.away !== undefined) await this.away;
    if (at === this.broken) throw new Error(`unit ${at} cannot be read`);
    if (at > this.settled) return undefined;
    if (at > this.end) return { unit: "the end", findings: [], bytes: 0, next: undefined };
    this.taken.push(at);
    return { unit: `unit ${at}`, findings: this.found.get(at) ?? [], bytes: 10, next: at + 1 };
  }
}

const start = (walk = new Numbered(), budget = { strides: 3, bytes: 1000 }) => {
  const [clock, registry] = [manualClock(), createRegistry()];
  const metrics = createAuditorMetrics(registry);
  const told: string[] = [];
  const log = { ...silentLog, error: (fields: object) => void told.push(JSON.stringify(fields)) };
  const board = createFindingsBoard(metrics, ["ledger"], log);
  const troubles = new Map<string, string | undefined>();
  const stream = { finished: 7, lastSeq: 10, isAway: false };
  const state = async () => {
    if (stream.isAway) throw new Error("NATS is away");
    return { created: "c", firstSeq: 2, firstStoredMs: 0, lastSeq: stream.lastSeq, bytes: 0, limitBytes: undefined };
  };
  const bus = {
    streamState: state,
    storedMs: (seq: number) => Promise.resolve(clock.now() - seq * 1000),
    trim: { watermarks: () => Promise.resolve(new Map([["ledger", stream.finished]])), trim: () => Promise.resolve(0) },
  };
  const audited = createAuditLog({ walks: [walk.name], board, clock, words: (text) => text });
  const rounds = { count: 0 };
  const stopping = new AbortController();
  const running = runAuditor(
    {
      bus,
      walkers: [createWalker(walk, board)],
      board,
      sinks: ["ledger"],
      budget,
      clock,
      metrics,
      log,
      onTrouble: (what, reason) => {
        troubles.set(what, reason);
        audited.noteTrouble(what, reason);
      },
      onWalk: audited.noteRound,
      onRound: () => void (rounds.count += 1),
    },
    stopping.signal,
  );
  /** Moves time on, and lets a round come to its end. */
  const pass = async (ms: number): Promise<void> => {
    await clock.advance(ms);
    for (let n = 0; n < 20; n += 1) await clock.advance(0);
  };
  const stop = async (): Promise<void> => {
    stopping.abort(new Error("over"));
    await running;
  };
  return { walk, clock, pass, told, troubles, audited, rounds, stream, stop, value: valueIn(registry) };
};

const valueIn =
  (registry: Registry) =>
  async (name: string, labels: Record<string, string>): Promise<number | undefined> => {
    const { values = [] } = (await registry.getSingleMetric(name)?.get()) ?? {};
    return values.find((one) => Object.entries(labels).every(([key, value]) => one.labels[key] === value))?.value;
  };

describe("an auditor", () => {
  it("walks as far as a round may, begins again at the end, and looks at what is new first", async () => {
    const { walk, pass, stop } = start();
    await pass(0);
    expect(walk.taken).toEqual([1, 2, 3]);
    await pass(60_000);
    expect(walk.taken.splice(0)).toEqual([1, 2, 3, 4, 5]);
    walk.end = 7;
    await pass(60_000);
    expect(walk.taken.splice(0)).toEqual([6, 7, 1]);
    await pass(60_000);
    expect(walk.taken).toEqual([2, 3, 4]);
    await stop();
  });

  it("tells a finding once, looks at it again each round, and takes it back when it is mended", async () => {
    const { walk, pass, told, stop, value } = start(new Numbered(), { strides: 1, bytes: 1 });
    walk.found.set(1, [lost]);
    for (let n = 0; n < 3; n += 1) await pass(60_000);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/"subject":"a\/1".*"frames":3.*"remedy":"fill it from the archive/);
    expect(await value("enchanted_record_gap", { store: "ledger" })).toBe(3);
    expect(await value("enchanted_record_faults", { store: "ledger", kind: "missing" })).toBe(3);
    walk.found.clear();
    await pass(60_000);
    expect(await value("enchanted_record_gap", { store: "ledger" })).toBe(0);
    await stop();
  });

  it("waits for what is not settled, and says how far a store is behind", async () => {
    const { walk, pass, stream, stop, value } = start();
    walk.settled = 2;
    await pass(60_000);
    expect(new Set(walk.taken)).toEqual(new Set([1, 2]));
    expect(await value("enchanted_record_lag_seconds", { store: "ledger" })).toBe(8);
    stream.finished = 10;
    await pass(60_000);
    expect(await value("enchanted_record_lag_seconds", { store: "ledger" })).toBe(0);
    await stop();
  });

  it("says so while a store is away or never answers, and does not count that as a round", async () => {
    const { walk, pass, troubles, stop, value } = start();
    await pass(0);
    const before = await value("enchanted_audit_last_round_timestamp_seconds", { walk: "record" });
    walk.away = Promise.reject(new Error("the ledger is away"));
    walk.away.catch(() => undefined);
    await pass(60_000);
    expect(troubles.get("record")).toBe("the record cannot be audited: Error: the ledger is away");
    walk.away = new Promise(() => {});
    await pass(60_000);
    await pass(300_000);
    expect(troubles.get("record")).toMatch(/did not come to its end within 300 s/);
    expect(await value("enchanted_audit_last_round_timestamp_seconds", { walk: "record" })).toBe(before);
    walk.away = undefined;
    await pass(60_000);
    expect(troubles.get("record")).toBeUndefined();
    await stop();
  });

  it("keeps for others when it looked, what it found and what keeps it from looking", async () => {
    const { walk, clock, pass, audited, rounds, stream, stop } = start(new Numbered(), { strides: 1, bytes: 1 });
    expect(audited.state()).toMatchObject({
      walks: [{ name: "record", roundMs: 0, walkMs: 0, trouble: "the record was not audited yet" }],
      faults: [],
    });
    walk.found.set(1, [lost]);
    await pass(0);
    const { walks, faults, ...rest } = auditorState.parse(audited.state());
    expect(walks).toEqual([{ name: "record", roundMs: clock.now(), walkMs: 0 }]);
    expect(faults).toEqual([{ store: "ledger", kind: "missing", frames: 3 }]);
    expect(rest).toEqual({ atMs: clock.now() });
    walk.found.clear();
    stream.isAway = true;
    await pass(60_000);
    expect(audited.state().trouble).toMatch(/NATS is away/);
    stream.isAway = false;
    for (let n = 0; n < 10; n += 1) await pass(60_000);
    expect(auditorState.parse(audited.state())).toMatchObject({ faults: [], walks: [{ roundMs: clock.now() }] });
    expect(audited.state().walks[0]?.walkMs).toBeGreaterThan(0);
    expect(audited.state().trouble).toBeUndefined();
    expect(rounds.count).toBeGreaterThanOrEqual(12);
    await stop();
  });

  it("says that it never looked at what was away from the beginning", async () => {
    const away = new Numbered();
    away.away = new Promise(() => {});
    const { pass, stop, value } = start(away);
    await pass(300_000);
    for (const last of ["round", "walk"])
      expect(await value(`enchanted_audit_last_${last}_timestamp_seconds`, { walk: "record" })).toBe(0);
    await stop();
  });

  it("says so while the stream is away, and goes on when it is back", async () => {
    const { walk, pass, troubles, stream, stop } = start();
    await pass(0);
    stream.isAway = true;
    walk.taken.length = 0;
    await pass(60_000);
    expect(troubles.get("stream")).toMatch(/NATS is away/);
    expect(walk.taken).toEqual([]);
    stream.isAway = false;
    await pass(60_000);
    expect(troubles.get("stream")).toBeUndefined();
    expect(walk.taken).not.toEqual([]);
    await stop();
  });
});

it("counts what differs beyond what is told by name", async () => {
  const registry = createRegistry();
  const lines: string[] = [];
  const log = { ...silentLog, error: (_fields: unknown, message: string) => void lines.push(message) };
  const board = createFindingsBoard(createAuditorMetrics(registry), ["ledger"], log);
  for (let n = 0; n < 10_000; n += 1) board.replace(`unit ${n}`, [lost]);
  expect(board.measure()).toBe(30_000);
  board.replace("one more", [{ ...lost, frames: 20_000 }]);
  expect(board.measure()).toBe(50_000);
  expect(board.has("one more")).toBe(true);
  expect(lines.at(-1)).toContain("more differs than is told");
  board.replace("one more", []);
  expect(board.measure()).toBe(30_000);
});

it("looks at what is new although an older part cannot be looked at, and says that it cannot", async () => {
  const walk = new Numbered();
  const { pass, troubles, stop } = start(walk, { strides: 20, bytes: 1_000 });
  await pass(0);
  walk.broken = 2;
  walk.end = 9;
  walk.taken.length = 0;
  await pass(60_000);
  expect(troubles.get("record")).toMatch(/unit 2 cannot be read/);
  expect(walk.taken).toEqual(expect.arrayContaining([6, 7, 8, 9]));
  walk.broken = undefined;
  await pass(60_000);
  expect(troubles.get("record")).toBeUndefined();
  await stop();
});
