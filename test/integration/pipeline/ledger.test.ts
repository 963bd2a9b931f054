import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { createRegistry } from "#nervous-system/telemetry/metrics.ts";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import { erasedDigest } from "#nervous-system/schemas/erased.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { createSqlClient, type SqlClient } from "#nervous-system/stores/clickhouse/sql-client.ts";
import { createLedgerSink } from "#pipeline/siphon/ledger/sink.ts";
import { createSiphonMetrics } from "#pipeline/siphon/measure.ts";
import { describeSinkContract } from "./sink-contract.ts";
import type { Sink } from "#pipeline/siphon/sink.ts";
import type { NatsServer } from "#platform/stores/nats.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { connectTestBus, createCleanup, readFrames, startTestNats } from "./bus-harness.ts";
import { agentUid, chainBuilder } from "./chain-builder.ts";
import { dyingSink, feedSink } from "./feeding.ts";
import { asLedger, ledgerFrames, startTestLedger, type TestLedger } from "./ledger-harness.ts";
import { strangePayloads } from "./strange-payloads.ts";

describeSinkContract("ledger", async () => {
  const cleanup = createCleanup();
  const ledger = await startTestLedger(cleanup);
  let place = 0;
  const stored = (frame: RecordedFrame): StoredFrame => ({
    ...frame,
    place: (place += 1),
    storedNs: 1_763_701_174_000_000_001n,
  });
  const chain = chainBuilder({ agent_uid: agentUid(1) });
  return {
    open: () => ledger.sink(),
    frames: (count) => chain.take(count).map(stored),
    strangeFrames: () => strangePayloads.map((event) => stored(chain.next(event))),
    visible: async () => (await ledgerFrames(ledger)).map(({ hash }) => hash),
    gap: () => stored(chain.next({ event_type: "GAP", payload: { reason: "lost" } })),
    speaking: async () =>
      (await ledgerFrames(ledger))
        .filter(({ frame }) => erasedDigest(Buffer.from(frame)) === undefined)
        .map(({ hash }) => hash),
    stopStore: () => ledger.server.stop(),
    startStore: () => ledger.server.restart(),
    stop: () => cleanup.run(),
  };
});

const cleanup = createCleanup();
let ledger: TestLedger;
let nats: NatsServer;
let bus: Bus;
let metrics: ReturnType<typeof createSiphonMetrics>;
let feeding: { stop(): Promise<void> } | undefined;
const trouble: string[] = [];

beforeAll(async () => {
  metrics = createSiphonMetrics(createRegistry());
  nats = await startTestNats(cleanup);
  bus = await connectTestBus(nats, cleanup);
  ledger = await startTestLedger(cleanup);
}, 600_000);
afterEach(() => feeding?.stop(), 60_000);
afterAll(() => cleanup.run(), 60_000);

const feed = (sink: Sink, maxFrames = 64): { stop(): Promise<void> } => {
  const onTrouble = (reason: string | undefined): void => void (reason && trouble.push(reason));
  const running = feedSink({ name: "ledger", sink, bus, metrics, limits: { maxFrames }, onTrouble });
  const stop = (): Promise<void> => {
    feeding = undefined;
    return running.stop();
  };
  return (feeding = { stop });
};

const counted = async (): Promise<number> => {
  const [row] = await ledger
    .rows<{ n: string }>("SELECT uniqExact(hash) AS n FROM enchanted.context_frames")
    .catch(() => []);
  return Number(row?.n ?? 0);
};

/** The ledger is the stream, frame for frame, and no row is there twice. */
const expectLedgerEqualsStream = async (total: number): Promise<void> => {
  await eventually(`the ledger holds ${total} frames`, async () => (await counted()) >= total, 60_000);
  expect(await ledgerFrames(ledger)).toEqual(asLedger(await readFrames(bus, total)));
  const [rows] = await ledger.rows<{ n: string }>("SELECT count() AS n FROM enchanted.context_frames");
  expect(Number(rows?.n)).toBe(total);
};

describe("feeding the ledger", () => {
  const chains = [10, 11, 12].map((n) => chainBuilder({ agent_uid: agentUid(n) }));
  let total = 0;
  const publish = async (count: number): Promise<void> => {
    for (const chain of chains) await bus.publisher.publish(chain.take(count));
    total += count * chains.length;
  };

  it("makes it the stream, frame for frame", async () => {
    await publish(200);
    const running = feed(ledger.sink());
    await expectLedgerEqualsStream(total);
    await publish(100);
    await expectLedgerEqualsStream(total);
    await running.stop();
  }, 120_000);

  it("gives the same counts when it dies between cut, write and acknowledgement", async () => {
    for (const when of ["before", "after", "after", "before"] as const) {
      await publish(70);
      const sink = dyingSink(ledger.sink(), (batch) => (batch === 2 ? when : undefined));
      const killed = feed(sink, 50);
      await sink.died;
      await killed.stop();
      // The next process knows only what stream and store hold; it cuts larger batches.
      const running = feed(ledger.sink(), 80);
      await expectLedgerEqualsStream(total);
      await running.stop();
    }
  }, 120_000);

  it("waits for a dead store and goes on where it was", async () => {
    const running = feed(ledger.sink());
    await publish(10);
    await expectLedgerEqualsStream(total);
    ledger.server.kill("SIGKILL");
    await publish(50);
    await eventually("the sink says what keeps it", () => trouble.some((reason) => reason.includes("ClickHouse")));
    await ledger.server.restart();
    await expectLedgerEqualsStream(total);
    await running.stop();
  }, 120_000);

  it("misses nothing when the stream's server is killed while it reads", async () => {
    const running = feed(ledger.sink(), 20);
    for (let kills = 0; kills < 4; kills += 1) {
      const before = await counted();
      await publish(60);
      await eventually("it reads", async () => (await counted()) > before);
      nats.kill("SIGKILL");
      await nats.restart();
    }
    await expectLedgerEqualsStream(total);
    await running.stop();
  }, 120_000);

  it("fills a store that lost everything, from the stream's beginning", async () => {
    await ledger.client.command({ query: "DROP DATABASE enchanted SYNC" });
    const running = feed(ledger.sink());
    await expectLedgerEqualsStream(total);
    await ledger.client.command({ query: "DROP DATABASE enchanted SYNC" });
    await publish(10);
    await expectLedgerEqualsStream(total);
    await running.stop();
  }, 120_000);

  it("fills a table of frames that is gone although its cuts are not", async () => {
    const running = feed(ledger.sink());
    await ledger.client.command({ query: "DROP TABLE enchanted.context_frames SYNC" });
    await publish(10);
    await expectLedgerEqualsStream(total);
    await running.stop();
  }, 120_000);

  it("makes a dead letter of what the store will never take, and keeps all the rest", async () => {
    const sink = ledger.sink();
    const [one, ...rest] = chains[0]!.take(9);
    await bus.publisher.publish([one!, ...rest.slice(0, 4)]);
    await bus.publisher.publish(
      rest.slice(4).map((frame, index) => (index === 1 ? { ...frame, bytes: Buffer.from([0xff]) } : frame)),
    );
    const running = feed(sink);
    await eventually("the rest is there", async () => (await counted()) >= total + 8, 60_000);
    const frames = await readFrames(bus);
    expect(await ledgerFrames(ledger)).toEqual(asLedger(frames.filter(({ bytes }) => bytes.length > 1)));
    expect((await metrics.sinkPoison.get()).values).toEqual([{ labels: { sink: "ledger" }, value: 1 }]);
    await running.stop();
  }, 120_000);
});

describe("a row that comes late", () => {
  it("of a sink that was killed does not take the place of a newer one", async () => {
    const [frame] = chainBuilder({ agent_uid: agentUid(30), mission: "late" }).take(1);
    const at = (place: number, storedNs: bigint): StoredFrame => ({ ...frame!, place, storedNs });
    const cut = (stream: string, place: number) => ({ stream, from: place, to: place, hash: "h" });
    const sink = ledger.sink();
    const { signal } = new AbortController();
    await sink.prepare();
    const [old, young] = [at(5632, 1_795_237_200_000_000_000n), at(512, 1_795_237_201_000_000_000n)];
    expect(await sink.write({ cut: cut("made anew", 512), frames: [young] }, signal)).toEqual({ kind: "written" });
    expect(await sink.write({ cut: cut("of before", 5632), frames: [old] }, signal)).toEqual({ kind: "written" });
    const rows = "SELECT toFloat64(stream_seq) AS place FROM enchanted.context_frames FINAL WHERE mission = 'late'";
    expect(await ledger.rows(rows)).toEqual([{ place: 512 }]);
    await sink.close();
  }, 60_000);
});

describe("reading the ledger", () => {
  it("answers conversations, decisions and file changes by name", async () => {
    const chain = chainBuilder({ agent_uid: agentUid(20), mission: "views" });
    await bus.publisher.publish([
      chain.next({ event_type: "MESSAGE", payload: { to: "b", from: "a", channel: "review", text: "looks good" } }),
      chain.next({
        event_type: "DECISION_RATIONALE",
        payload: { reasoning: "it is simpler", rejected_alternatives: ["x", "y"], confidence_score: 0.5 },
      }),
      chain.next({
        event_type: "STATE_CHANGE",
        payload: { file_modified: "src/a.ts", change: "modified", lines_added: 3 },
      }),
    ]);
    const running = feed(ledger.sink());
    const ask = <Row>(from: string, what: string): Promise<Row[]> =>
      ledger.rows<Row>(`SELECT ${what} FROM enchanted.${from} WHERE mission = 'views'`);
    await eventually("the frames are there", async () => (await ask("file_changes", "seq")).length === 1);
    expect(await ask("conversations", "from_agent, to_agent, channel, text")).toEqual([
      { from_agent: "a", to_agent: "b", channel: "review", text: "looks good" },
    ]);
    expect(await ask("decisions", "reasoning, rejected_alternatives, confidence_score")).toEqual([
      { reasoning: "it is simpler", rejected_alternatives: ["x", "y"], confidence_score: 0.5 },
    ]);
    expect(await ask("file_changes", "file, change, lines_added, toString(observed) AS observed")).toEqual([
      { file: "src/a.ts", change: "modified", lines_added: 3, observed: "2025-11-21 04:59:34.000000003" },
    ]);
    await running.stop();
  }, 60_000);
});

describe("preparing the ledger", () => {
  it("changes no definition that is as it should be, and makes what is missing", async () => {
    const { url, username, password } = ledger.server;
    const client = createSqlClient({ url, username, password });
    const changes: string[] = [];
    const command: SqlClient["command"] = async (query, params) => {
      if (!query.trimStart().match(/^CREATE (?:DATABASE|TABLE) IF NOT EXISTS/)) changes.push(query);
      await client.command(query, params);
    };
    const sink = createLedgerSink({ ...client, command }, silentLog);
    await sink.prepare();
    changes.length = 0;
    await sink.prepare();
    expect(changes).toEqual([]);
    await client.command("ALTER TABLE enchanted.context_frames DROP COLUMN subject, DROP COLUMN tool");
    await client.command("DROP VIEW enchanted.decisions");
    await client.command("CREATE OR REPLACE VIEW enchanted.conversations AS SELECT 1");
    await sink.prepare();
    expect(changes.map((change) => change.trim().split(/\s+/).slice(0, 6).join(" ")).toSorted()).toEqual([
      "ALTER TABLE enchanted.context_frames ADD COLUMN IF",
      "CREATE OR REPLACE VIEW enchanted.conversations AS",
      "CREATE OR REPLACE VIEW enchanted.decisions AS",
    ]);
    expect(await ledger.rows("SELECT subject, tool FROM enchanted.context_frames LIMIT 0")).toEqual([]);
    expect(await ledger.rows("SELECT reasoning FROM enchanted.decisions LIMIT 0")).toEqual([]);
    await sink.close();
  });
});
