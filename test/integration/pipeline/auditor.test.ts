import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { noMission } from "#nervous-system/schemas/ids.ts";
import { startAuditor } from "#pipeline/auditor/start.ts";
import { gapInPlaceOf } from "#pipeline/collector/gap-frame.ts";
import { startNats, type NatsServer } from "#platform/stores/nats.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { seededRandom } from "#test/simulation/random.ts";
import { startTestArchive } from "./archive-harness.ts";
import {
  busyChain,
  feedAll,
  openAudit,
  reseal,
  send,
  sendByTurns,
  writeAsOneFile,
  type AuditedStores,
} from "./auditor-harness.ts";
import { connectTestBus, createCleanup, temporaryDirectory } from "./bus-harness.ts";
import { agentUid, chainBuilder } from "./chain-builder.ts";
import { startTestGraph } from "./graph-harness.ts";
import { startTestLedger, testReader } from "./ledger-harness.ts";
import { faultKinds, keepLedger } from "./planted-faults.ts";
import { strangePayloads } from "./strange-payloads.ts";

const FAULTS = 100;
const SEED = 20_261_130;

const cleanup = createCleanup();
let stores: AuditedStores;
let dir: string;
let nats: NatsServer;
let bus: Bus;
let audit: ReturnType<typeof openAudit>;

beforeAll(async () => {
  dir = await temporaryDirectory(cleanup);
  const [server, ledger, archive, graph] = await Promise.all([
    startNats({ dir }),
    startTestLedger(cleanup),
    startTestArchive(cleanup),
    startTestGraph(cleanup),
  ]);
  nats = server;
  cleanup.add(() => nats.stop());
  stores = { ledger, archive, graph };
  bus = await connectTestBus(nats, cleanup);
  audit = openAudit(bus, stores);
  cleanup.add(() => audit.close());
}, 600_000);
afterAll(() => cleanup.run(), 60_000);

const live = (): string => join(dir, "jetstream", "jetstream", "$G", "streams", "CONTEXT");

/** Does something to the files of the stream while its server is down. */
const whileDown = async (change: () => Promise<void>): Promise<void> => {
  nats.kill("SIGKILL");
  await change();
  await nats.restart();
  await eventually("the stream answers", () => bus.connected());
  await bus.ensureStreams({ replicas: 1 });
};

const expectNothing = async (): Promise<void> => {
  await feedAll(bus, stores);
  expect(await audit.walk()).toEqual([]);
};

const outside = { mission: "_", mission_uid: noMission } as const;

/** Frames of an external client's telemetry, which have no chain and are observed anew each time. */
const externals = (observed: string, namespace = "team-a"): RecordedFrame[] =>
  reseal(busyChain({ agent_uid: agentUid(20), ...outside, namespace, recorder: "collector" }, 20), () => ({
    epoch: 0,
    seq: 0,
    observed,
  })).map((frame) => ({ ...frame, principal: "ci" }));

/** The chain of a component, which is about missions of several namespaces by turns. */
const ofComponent = (): RecordedFrame[] =>
  reseal(busyChain({ agent_uid: agentUid(9), producer: "gateway", recorder: "gateway" }, 60), (n) => ({
    namespace: `team-${n % 3}`,
    mission_uid: agentUid(100 + (n % 4)),
  }));

/** Frames of which columns are made that are not what a payload says. */
const strange = (): RecordedFrame[] => {
  const chain = chainBuilder({ agent_uid: agentUid(10), persona: "naïve 缓存", flags: ["late", "clock_skew"] });
  return strangePayloads.map((payload) => chain.next(payload));
};

describe("an auditor", () => {
  const chains = [1, 2, 3].map((n) => busyChain({ agent_uid: agentUid(n) }, 300));
  const [first = [], second = []] = chains;

  it("finds nothing in what the siphon wrote of chains of every sort", async () => {
    const [refused] = second.splice(100, 1);
    if (refused !== undefined) second.splice(100, 0, gapInPlaceOf(refused, "it was refused"));
    const late = busyChain({ agent_uid: agentUid(8), observed: "1700000000000000000" }, 40);
    await sendByTurns(bus, [first.slice(0, 270), ...chains.slice(1), ofComponent()]);
    await sendByTurns(bus, [busyChain({ agent_uid: agentUid(1), epoch: 2 }, 150, first[200]?.hash), late]);
    // The closed epoch's last frames.
    await send(bus, first);
    await bus.unchained.publish(externals("1764000000000000000"));
    // The same events, told in another namespace, too.
    await bus.unchained.publish(externals("1764000000500000000", "team-b"));
    await send(bus, strange());
    await expectNothing();
  }, 300_000);

  it("finds nothing where a stream was trimmed", async () => {
    const all = { before: 20, storedBeforeMs: Infinity, bytes: Infinity };
    expect(await bus.trim.trim(await bus.streamState(), all)).toBeGreaterThan(0);
    await sendByTurns(bus, [busyChain({ agent_uid: agentUid(4) }, 60)]);
    await expectNothing();
  }, 300_000);

  it("finds nothing where a stream lost its end, and others stand there now", async () => {
    const kept = join(await temporaryDirectory(cleanup), "kept");
    await whileDown(() => cp(live(), kept, { recursive: true }));
    const lost = busyChain({ agent_uid: agentUid(5) }, 200);
    await sendByTurns(bus, [lost]);
    await feedAll(bus, stores);
    await whileDown(async () => {
      await rm(live(), { recursive: true });
      await cp(kept, live(), { recursive: true });
    });
    await sendByTurns(bus, [busyChain({ agent_uid: agentUid(6) }, 100)]);
    await send(bus, lost);
    await expectNothing();
  }, 300_000);

  it("finds nothing where a stream was made anew", async () => {
    await whileDown(() => rm(live(), { recursive: true }));
    const more = busyChain({ agent_uid: agentUid(3) }, 350);
    await sendByTurns(bus, [busyChain({ agent_uid: agentUid(7) }, 100), more]);
    await bus.unchained.publish(externals("1764000001000000000"));
    await expectNothing();
  }, 300_000);

  it("runs, says which store is away, and goes on with the others", async () => {
    const { ledger, archive, graph } = stores;
    const clock = systemClock();
    const auditor = await startAuditor({
      settings: {
        CLICKHOUSE_URL: ledger.server.url,
        CLICKHOUSE_USER: testReader.username,
        CLICKHOUSE_PASSWORD: testReader.password,
        S3_ENDPOINT: archive.server.endpoint,
        S3_REGION: archive.server.region,
        S3_BUCKET: archive.bucket,
        S3_ACCESS_KEY_ID: archive.server.accessKey,
        S3_SECRET_ACCESS_KEY: archive.server.secretKey,
        ...archive.keyFiles,
        ARCHIVE_LOCK_DAYS: 30,
        NEO4J_URL: graph.server.boltUrl,
        NEO4J_USER: graph.server.username,
        NEO4J_PASSWORD: graph.server.password,
      },
      connectBus: () => connectTestBus(nats, createCleanup()),
      // A minute between rounds is a quarter second.
      clock: { ...clock, sleep: (ms, signal) => clock.sleep(ms / 240, signal) },
      random: Math.random,
      log: silentLog,
      healthPort: 0,
    });
    const ask = async (path: string): Promise<string> =>
      (await fetch(`http://127.0.0.1:${auditor.healthPort}${path}`)).text();
    const walked = async (walk: string): Promise<number> =>
      Number(new RegExp(`last_walk_timestamp_seconds{walk="${walk}"} (\\S+)`).exec(await ask("/metrics"))?.[1] ?? 0);
    try {
      await eventually("all of the record was walked over", async () => (await ask("/readyz")) === "ok\n", 60_000);
      expect(await ask("/metrics")).toMatch(/enchanted_record_gap{store="ledger"} 0\n/);
      expect(await ask("/metrics")).toMatch(/enchanted_record_lag_seconds{store="archive"} 0\n/);
      await ledger.server.stop();
      await eventually(
        "it says so",
        async () => (await ask("/readyz")).includes("the record cannot be audited"),
        60_000,
      );
      const [record, ofGraph] = [await walked("record"), await walked("graph")];
      await eventually("the graph is walked over", async () => (await walked("graph")) > ofGraph, 60_000);
      expect(await walked("record")).toBe(record);
      await ledger.server.restart();
      await eventually("it is well again", async () => (await ask("/readyz")) === "ok\n", 60_000);
    } finally {
      await auditor.stop();
    }
  }, 240_000);

  it("finds nothing where the clock of a stream was put back between two files", async () => {
    const [ms, jumpNs] = [BigInt(systemClock().now()), 20_000_000n];
    const frames = busyChain({ agent_uid: agentUid(11) }, 60).map((frame, n) => {
      const storedNs = ms * 1_000_000n + BigInt(n) * 1_000_000n - (n < 30 ? 0n : jumpNs);
      return { ...frame, place: 1024 + n, storedNs };
    });
    for (const part of [frames.slice(0, 30), frames.slice(30)]) await writeAsOneFile(stores, part);
    expect(await audit.walk()).toEqual([]);
  }, 120_000);

  it(`sees each of ${FAULTS} faults`, async () => {
    await keepLedger(stores);
    const random = seededRandom(SEED);
    const unseen: string[] = [];
    for (let n = 0; n < FAULTS; n += 1) {
      const kind = faultKinds[n % faultKinds.length]!;
      const planted = await kind.plant(stores, random);
      const told = await audit.walk(kind.store);
      if (!told.some(({ store }) => store === kind.store)) unseen.push(`${kind.name}: ${planted.what}`);
      await planted.takeBack();
    }
    expect(unseen).toEqual([]);
    expect(await audit.walk()).toEqual([]);
  }, 600_000);
});
