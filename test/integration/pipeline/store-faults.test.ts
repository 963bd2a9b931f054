import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { createSqlClient } from "#nervous-system/stores/clickhouse/sql-client.ts";
import { createObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { createRegistry } from "#nervous-system/telemetry/metrics.ts";
import { createArchiveSink } from "#pipeline/siphon/archive/sink.ts";
import { createLedgerSink } from "#pipeline/siphon/ledger/sink.ts";
import { createSiphonMetrics } from "#pipeline/siphon/measure.ts";
import type { Sink } from "#pipeline/siphon/sink.ts";
import type { NatsServer } from "#platform/stores/nats.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { startTestArchive, type TestArchive } from "./archive-harness.ts";
import { connectTestBus, createCleanup, deadLettersOf, readFrames, startTestNats } from "./bus-harness.ts";
import { agentUid, chainBuilder } from "./chain-builder.ts";
import { feedSink } from "./feeding.ts";
import { asLedger, ledgerFrames, startTestLedger, type TestLedger } from "./ledger-harness.ts";
import { mountSmallDisk, type SmallDisk } from "./small-disk.ts";
import { openDoor, type Manner, type StoreDoor } from "./store-door.ts";

type Store = "ledger" | "archive";
const stores = ["ledger", "archive"] as const;

const cleanup = createCleanup();
const troubles = new Map<Store, string>();
let nats: NatsServer;
let bus: Bus;
let ledger: TestLedger;
let archive: TestArchive;
let disks: Record<Store, SmallDisk>;
let doors: Record<Store, StoreDoor>;

const PATIENCE_MS = 4_000;

const portOf = (url: string): number => Number(new URL(url).port);

const ledgerSink = (): Sink => {
  const { username, password } = ledger.server;
  const url = `http://127.0.0.1:${doors.ledger.port}`;
  return createLedgerSink(createSqlClient({ url, username, password, requestTimeoutMs: PATIENCE_MS }), silentLog);
};

const archiveSink = (): Sink => {
  const { region, accessKey: accessKeyId, secretKey: secretAccessKey } = archive.server;
  const endpoint = `http://127.0.0.1:${doors.archive.port}`;
  const account = { region, accessKeyId, secretAccessKey, bucket: archive.bucket };
  return createArchiveSink(createObjectClient({ ...account, endpoint, silenceMs: PATIENCE_MS }));
};

const feed = (name: Store, sink: Sink): void => {
  const metrics = createSiphonMetrics(createRegistry());
  const feeding = feedSink({ name, sink, bus, metrics, onTrouble: (reason) => void troubles.set(name, reason) });
  cleanup.add(() => feeding.stop());
};

beforeAll(async () => {
  nats = await startTestNats(cleanup);
  bus = await connectTestBus(nats, cleanup);
  disks = { ledger: await mountSmallDisk(400, cleanup), archive: await mountSmallDisk(100, cleanup) };
  ledger = await startTestLedger(cleanup, { dir: disks.ledger.path });
  archive = await startTestArchive(cleanup, disks.archive.path);
  doors = {
    ledger: await openDoor(portOf(ledger.server.url), cleanup),
    archive: await openDoor(portOf(archive.server.endpoint), cleanup),
  };
  feed("ledger", ledgerSink());
  feed("archive", archiveSink());
}, 600_000);
afterAll(() => cleanup.run(), 60_000);

const chain = chainBuilder({ agent_uid: agentUid(1) });
const publish = async (): Promise<void> => {
  const frames = Array.from({ length: 40 }, (_, n) =>
    chain.next({ event_type: "ACTION", payload: { tool: "edit", result: `done ${n}`, ok: true } }),
  );
  await bus.publisher.publish(frames);
};

/** The named stores hold what the stream does, frame for frame. */
const hold = async (names: readonly Store[]): Promise<boolean> => {
  const wanted = JSON.stringify(asLedger(await readFrames(bus)));
  const held = {
    ledger: () => ledgerFrames(ledger),
    archive: async () => asLedger(await archive.frames()),
  };
  const all = await Promise.all(names.map((name) => held[name]().catch(() => [])));
  return all.every((frames) => JSON.stringify(frames) === wanted);
};

/** What is done to a store, and how it is mended; what the siphon mends by itself needs nobody. */
type Fault = { readonly name: string; readonly store: Store; make(): Promise<unknown>; mend?(): Promise<unknown> };

const answers = (store: Store, manner: Manner, name: string): Fault => ({
  name,
  store,
  make: async () => doors[store].turn(manner),
  mend: async () => doors[store].turn("through"),
});
const fullDisk = (store: Store, name: string): Fault => ({
  name,
  store,
  make: () => disks[store].fill(),
  mend: () => disks[store].empty(),
});
const sql = (change: string) => (): Promise<unknown> =>
  ledger.client.command({ query: `ALTER TABLE enchanted.context_frames ${change}` });

const faults: readonly Fault[] = [
  answers("ledger", "silent", "ClickHouse says nothing"),
  answers("ledger", "page", "somebody else answers for ClickHouse, with a page and 200"),
  answers("archive", "silent", "S3 says nothing"),
  answers("archive", "page", "somebody else answers for S3, with a page and 200"),
  {
    name: "a column of the ledger has another type",
    store: "ledger",
    make: sql("DROP COLUMN tool, ADD COLUMN tool UInt32"),
    mend: sql("DROP COLUMN tool, ADD COLUMN tool LowCardinality(String)"),
  },
  { name: "a column of the ledger is dropped", store: "ledger", make: sql("DROP COLUMN subject") },
  { name: "the archive's bucket is gone", store: "archive", make: () => archive.loseBucket() },
  fullDisk("ledger", "the disk of ClickHouse is full"),
  fullDisk("archive", "the disk of S3 is full"),
];

describe("where", () => {
  it.each(faults)(
    "$name, the other store gets its frames, the siphon says what is wrong, and nothing is lost",
    async ({ store, make, mend }) => {
      const others = stores.filter((one) => one !== store);
      await publish();
      await eventually("both hold everything", () => hold(stores), 60_000);
      troubles.clear();
      await make();
      await publish();
      await eventually("the other one goes on", () => hold(others), 60_000);
      if (mend !== undefined) await eventually("it is told", () => troubles.has(store), 60_000);
      expect(others.filter((one) => troubles.has(one))).toEqual([]);
      await mend?.();
      await publish();
      await eventually("both hold everything again", () => hold(stores), 60_000);
      expect(await deadLettersOf(nats)).toEqual([]);
    },
    240_000,
  );
});
