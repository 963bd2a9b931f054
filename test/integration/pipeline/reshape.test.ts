import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { ClickHouseFailure, createSqlClient, type SqlClient } from "#nervous-system/stores/clickhouse/sql-client.ts";
import { projectRow } from "#pipeline/siphon/ledger/row.ts";
import { createLedgerSink } from "#pipeline/siphon/ledger/sink.ts";
import { columns, cutsTable, framesTable, nextTable, sortingKey } from "#pipeline/siphon/ledger/tables.ts";
import type { Batch, Sink } from "#pipeline/siphon/sink.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { createCleanup } from "./bus-harness.ts";
import { agentUid, chainBuilder } from "./chain-builder.ts";
import { ledgerFrames, startTestLedger, type TestLedger } from "./ledger-harness.ts";

const cleanup = createCleanup();
const never = new AbortController().signal;
const AGENTS = 12;
const FRAMES_EACH = 25;
const ROWS_A_STEP = 60;
const STEPS = (AGENTS * FRAMES_EACH) / ROWS_A_STEP;

let ledger: TestLedger;
let place: number;

const stored = (frame: ReturnType<ReturnType<typeof chainBuilder>["next"]>): StoredFrame => ({
  ...frame,
  place: (place += 1),
  storedNs: 1_763_701_174_000_000_001n,
});
const framesOf = (agent: number, count: number): StoredFrame[] =>
  chainBuilder({ agent_uid: agentUid(agent) })
    .take(count)
    .map(stored);
const batchOf = (frames: readonly StoredFrame[]): Batch => {
  const [first, last] = [frames[0]?.place ?? 0, frames.at(-1)?.place ?? 0];
  return { cut: { stream: "s", from: first, to: last, hash: `hash ${last}` }, frames };
};
const hashes = (frames: readonly StoredFrame[]): string[] => frames.map(({ hash }) => hash);

const client = (): SqlClient => {
  const { url, username, password } = ledger.server;
  return createSqlClient({ url, username, password });
};

/** The table as the first versions made it, with frames in it. */
const olderLedger = async (frames: readonly StoredFrame[]): Promise<void> => {
  const defined = Object.entries(columns)
    .filter(([name]) => name !== "day")
    .map(([name, type]) => `${name} ${name.endsWith("_uid") ? "LowCardinality(String)" : type}`);
  const older = client();
  await older.command("CREATE DATABASE IF NOT EXISTS enchanted");
  await older.command(
    `CREATE TABLE ${framesTable} (${defined.join(", ")}, PROJECTION by_mission (SELECT * ORDER BY namespace, mission, stream_seq))
     ENGINE = ReplacingMergeTree(stored) ORDER BY (agent_uid, epoch, seq, event_id) SETTINGS deduplicate_merge_projection_mode = 'rebuild'`,
  );
  await older.insert(framesTable, frames.map(olderRow), {});
  await older.close();
};

const olderRow = (frame: StoredFrame): object => {
  const { day: _day, ...row } = projectRow(frame);
  return row;
};

/** Writes a batch as a build does that knows nothing of the new table: behind the last cut, to the older one alone. */
const writeAsOlderBuild = async (frames: readonly StoredFrame[]): Promise<void> => {
  const [newest] = await ledger.rows<{ number: string }>(
    `SELECT max(number) AS number FROM ${cutsTable} WHERE sink = 'ledger'`,
  );
  const { stream, from: first_place, to: last_place, hash } = batchOf(frames).cut;
  const number = Number(newest?.number ?? 0) + 1;
  const older = client();
  await older.insert(cutsTable, [{ sink: "ledger", slot: 0, number, stream, first_place, last_place, hash }], {});
  await older.insert(framesTable, frames.map(olderRow), {});
  await older.close();
};

const shape = async (): Promise<string | undefined> => {
  const [row] = await ledger.rows<{ sorting_key: string }>(
    `SELECT sorting_key FROM system.tables WHERE concat(database, '.', name) = '${framesTable}'`,
  );
  return row?.sorting_key;
};

const openSink = async (of: SqlClient = client(), rowsAStep = ROWS_A_STEP): Promise<Sink> => {
  const sink = createLedgerSink(of, silentLog, rowsAStep);
  await sink.prepare();
  return sink;
};

/** A client whose process ends at the n-th step of copying, and how many it began. */
const dyingAtStep = (wanted: number): { of: SqlClient; begun: () => number } => {
  const of = client();
  let begun = 0;
  const command: SqlClient["command"] = async (query, params) => {
    if (query.startsWith("INSERT INTO") && ++begun >= wanted) throw new Error("killed");
    await of.command(query, params);
  };
  return { of: { ...of, command }, begun: () => begun };
};

beforeAll(async () => {
  ledger = await startTestLedger(cleanup);
}, 600_000);
beforeEach(async () => {
  place = 0;
  await ledger.client.command({ query: "DROP DATABASE IF EXISTS enchanted SYNC" });
});
afterAll(() => cleanup.run(), 60_000);

describe("a ledger of an older shape", () => {
  it("is brought into today's while it is written, frame for frame", async () => {
    const old = Array.from({ length: AGENTS }, (_, n) => framesOf(n + 1, FRAMES_EACH)).flat();
    await olderLedger(old);
    const sink = await openSink();
    const fresh: StoredFrame[] = [];
    for (let agent = 101; (await shape()) !== sortingKey || agent < 105; agent += 1) {
      const frames = framesOf(agent, 3);
      fresh.push(...frames);
      expect(await sink.write(batchOf(frames), never)).toEqual({ kind: "written" });
    }
    expect((await ledgerFrames(ledger)).map(({ hash }) => hash)).toEqual(hashes([...old, ...fresh]));
    const days = await ledger.rows<{ day: string }>(`SELECT DISTINCT toString(day) AS day FROM ${framesTable}`);
    expect(days).toEqual([{ day: "2025-11-21" }]);
    expect(await sink.write(batchOf(framesOf(200, 2)), never)).toEqual({ kind: "written" });
    await sink.close();
    const again = await openSink();
    expect(await ledger.rows(`EXISTS TABLE ${nextTable}`)).toEqual([{ result: 0 }]);
    await again.close();
  });

  it("takes a batch that finds the new table exchanged when it comes to be written", async () => {
    const old = Array.from({ length: AGENTS }, (_, n) => framesOf(n + 1, FRAMES_EACH)).flat();
    await olderLedger(old);
    const of = client();
    const insert: SqlClient["insert"] = async (table, rows, options) => {
      if (table === nextTable)
        await eventually("the new table is gone", async () => {
          const [next] = await ledger.rows<{ result: number }>(`EXISTS TABLE ${nextTable}`);
          return next?.result === 0;
        });
      await of.insert(table, rows, options);
    };
    const sink = await openSink({ ...of, insert });
    const fresh = framesOf(101, 3);
    expect(await sink.write(batchOf(fresh), never)).toEqual({ kind: "written" });
    await sink.close();
    expect((await ledgerFrames(ledger)).map(({ hash }) => hash)).toEqual(hashes([...old, ...fresh]));
  });

  it("goes on where it was killed, and its progress is forgotten with the table that it speaks of", async () => {
    const old = Array.from({ length: AGENTS }, (_, n) => framesOf(n + 1, FRAMES_EACH)).flat();
    await olderLedger(old);
    const killed = dyingAtStep(3);
    const first = await openSink(killed.of);
    await eventually("it was killed", () => killed.begun() >= 3);
    await first.close();
    const counted = dyingAtStep(Infinity);
    const second = await openSink(counted.of);
    await eventually("the shape is today's", async () => (await shape()) === sortingKey);
    await second.close();
    expect(counted.begun()).toBe(STEPS - 2);
    expect((await ledgerFrames(ledger)).map(({ hash }) => hash)).toEqual(hashes(old));

    await ledger.client.command({ query: "DROP DATABASE enchanted SYNC" });
    await olderLedger(old);
    const again = dyingAtStep(3);
    const third = await openSink(again.of);
    await eventually("it was killed", () => again.begun() >= 3);
    await third.close();
    await ledger.client.command({ query: `DROP TABLE ${nextTable} SYNC` });
    const fourth = await openSink();
    await eventually("the shape is today's", async () => (await shape()) === sortingKey);
    await fourth.close();
    expect((await ledgerFrames(ledger)).map(({ hash }) => hash)).toEqual(hashes(old));
  });
});

describe("a ledger that is rolled back while it is brought into today's shape", () => {
  const oldFrames = (): StoredFrame[] => Array.from({ length: AGENTS }, (_, n) => framesOf(n + 1, FRAMES_EACH)).flat();

  /** Copies until it is killed, and writes a batch meanwhile as the siphon does. */
  const upgradedAndKilled = async (fresh: readonly StoredFrame[]): Promise<void> => {
    const killed = dyingAtStep(4);
    const sink = await openSink(killed.of);
    await eventually("it was killed", () => killed.begun() >= 4);
    const batch = batchOf(fresh);
    await sink.keepCut({ ...batch.cut, number: 1 });
    expect(await sink.write(batch, never)).toEqual({ kind: "written" });
    await sink.close();
  };

  it("keeps what the older build wrote meanwhile of agents that were copied already", async () => {
    const old = oldFrames();
    await olderLedger(old);
    const fresh = framesOf(101, 3);
    await upgradedAndKilled(fresh);
    const meanwhile = [...framesOf(1, FRAMES_EACH + 5).slice(FRAMES_EACH), ...framesOf(102, 4)];
    await writeAsOlderBuild(meanwhile);
    const again = await openSink();
    await eventually("the shape is today's", async () => (await shape()) === sortingKey);
    await again.close();
    expect((await ledgerFrames(ledger)).map(({ hash }) => hash)).toEqual(hashes([...old, ...fresh, ...meanwhile]));
  });

  it("goes on where it was where nobody else wrote", async () => {
    const old = oldFrames();
    await olderLedger(old);
    const fresh = framesOf(101, 3);
    await upgradedAndKilled(fresh);
    const counted = dyingAtStep(Infinity);
    const again = await openSink(counted.of);
    await eventually("the shape is today's", async () => (await shape()) === sortingKey);
    await again.close();
    // The new agent's frames are in the older table behind the others.
    expect(counted.begun()).toBe(STEPS - 3 + 1);
    expect((await ledgerFrames(ledger)).map(({ hash }) => hash)).toEqual(hashes([...old, ...fresh]));
  });

  it("is copied anew where the older build writes until the last step", async () => {
    const old = oldFrames();
    await olderLedger(old);
    const of = client();
    const meanwhile = framesOf(2, FRAMES_EACH + 5).slice(FRAMES_EACH);
    let begun = 0;
    const command: SqlClient["command"] = async (query, params) => {
      if (query.startsWith("INSERT INTO") && ++begun === STEPS) await writeAsOlderBuild(meanwhile);
      await of.command(query, params);
    };
    const sink = await openSink({ ...of, command });
    await eventually("the shape is today's", async () => (await shape()) === sortingKey);
    await sink.close();
    expect((await ledgerFrames(ledger)).map(({ hash }) => hash)).toEqual(hashes([...old, ...meanwhile]));
  });

  it("is copied in steps within a chain, too", async () => {
    const old = framesOf(1, AGENTS * FRAMES_EACH);
    await olderLedger(old);
    const counted = dyingAtStep(Infinity);
    const sink = await openSink(counted.of);
    await eventually("the shape is today's", async () => (await shape()) === sortingKey);
    await sink.close();
    expect(counted.begun()).toBe(STEPS);
    expect((await ledgerFrames(ledger)).map(({ hash }) => hash)).toEqual(hashes(old));
  });

  it("is copied in smaller steps where one takes the server too long", async () => {
    const old = framesOf(1, 1500);
    await olderLedger(old);
    const of = client();
    let begun = 0;
    const command: SqlClient["command"] = async (query, params) => {
      if (query.startsWith("INSERT INTO") && ++begun === 1)
        throw new ClickHouseFailure("limit", "it takes too long", undefined);
      await of.command(query, params);
    };
    const sink = await openSink({ ...of, command }, 2000);
    await eventually("the shape is today's", async () => (await shape()) === sortingKey);
    await sink.close();
    expect(begun).toBe(3);
    expect((await ledgerFrames(ledger)).map(({ hash }) => hash)).toEqual(hashes(old));
  });
});

describe("the days that a ledger is kept by", () => {
  it("may be of ever so many years in one batch; what no clock of today tells has none", async () => {
    const sink = await openSink();
    const chain = chainBuilder({ agent_uid: agentUid(1) });
    const months = Array.from({ length: 240 }, (_, n) => Date.UTC(1990 + n, n % 12, 15));
    const frames = months.map((ms, n) => {
      const frame = chain.next();
      return stored({
        ...frame,
        envelope: { ...frame.envelope, seq: n + 1, observed: String(BigInt(ms) * 1_000_000n) },
      });
    });
    expect(await sink.write(batchOf(frames), never)).toEqual({ kind: "written" });
    const [row] = await ledger.rows<{ n: string; undated: string }>(
      `SELECT count() AS n, countIf(day = '1970-01-01') AS undated FROM ${framesTable}`,
    );
    expect([Number(row?.n), Number(row?.undated)]).toEqual([240, 160]);
    await sink.close();
  });
});
