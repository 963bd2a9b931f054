import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { createRegistry } from "#nervous-system/telemetry/metrics.ts";
import { checkArchive } from "#pipeline/archive-reader/check-archive.ts";
import { createSiphonMetrics } from "#pipeline/siphon/measure.ts";
import { startNats, type NatsServer } from "#platform/stores/nats.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { foldFrames, startTestArchive, type TestArchive } from "./archive-harness.ts";
import { connectTestBus, createCleanup, readFrames, temporaryDirectory } from "./bus-harness.ts";
import { agentUid, chainBuilder } from "./chain-builder.ts";
import { feedSink } from "./feeding.ts";
import { asLedger, ledgerFrames, startTestLedger, type LedgerFrame, type TestLedger } from "./ledger-harness.ts";

const LOST = 10_000;
const PER_EXPORT = 100;
const FILLED_MS = 90_000;

/** What became of the stream while its server was down. */
type Loss = { readonly name: string; apply(kept: string, live: string): Promise<void> };

const losses: readonly Loss[] = [
  {
    name: "lost its last 10,000 frames, while its consumers kept their places",
    apply: async (kept, live) => {
      await rm(join(live, "msgs"), { recursive: true });
      await cp(join(kept, "msgs"), join(live, "msgs"), { recursive: true });
    },
  },
  {
    name: "was restored from a backup",
    apply: async (kept, live) => {
      await rm(live, { recursive: true });
      await cp(kept, live, { recursive: true });
    },
  },
  { name: "was made anew", apply: (_, live) => rm(live, { recursive: true }) },
];

const cleanup = createCleanup();
let ledger: TestLedger;
let archive: TestArchive;
beforeAll(async () => {
  [ledger, archive] = await Promise.all([startTestLedger(cleanup), startTestArchive(cleanup)]);
}, 600_000);
afterAll(() => cleanup.run(), 60_000);

let stopRunning: (() => Promise<void>) | undefined;
afterEach(() => stopRunning?.(), 60_000);

/** Feeds ledger and archive. */
const startSiphon = (bus: Bus): (() => Promise<void>) => {
  const metrics = createSiphonMetrics(createRegistry());
  const feeds = [
    feedSink({ name: "ledger", sink: ledger.sink(), bus, metrics, limits: { maxFrames: 700 } }),
    feedSink({ name: "archive", sink: archive.sink(), bus, metrics, limits: { maxFrames: 900 } }),
  ];
  return (stopRunning = async () => {
    stopRunning = undefined;
    await Promise.all(feeds.map((feed) => feed.stop()));
  });
};

/** Sends a log as its recorder does: from what the stream holds on. */
const send = async (bus: Bus, log: readonly RecordedFrame[]): Promise<void> => {
  const { seq } = await bus.tail(log[0]!.envelope.agent_uid, 1);
  for (let from = seq; from < log.length; from += PER_EXPORT) {
    const results = await bus.publisher.publish(log.slice(from, from + PER_EXPORT));
    expect(results.every(({ kind }) => kind === "stored")).toBe(true);
  }
};

const sendAll = (bus: Bus, logs: readonly RecordedFrame[][]): Promise<void[]> =>
  Promise.all(logs.map((log) => send(bus, log)));

const logsOf = (agents: readonly number[], frames: number): RecordedFrame[][] =>
  agents.map((agent) => chainBuilder({ agent_uid: agentUid(agent) }).take(frames));

const ledgerIsStream = async (bus: Bus, total: number): Promise<void> => {
  const frames = await readFrames(bus);
  expect(frames).toHaveLength(total);
  await eventually(
    `the ledger holds ${total} frames in their places`,
    async () => {
      const rows = await ledgerFrames(ledger).catch(() => []);
      return rows.length === total && rows.at(-1)?.stream_seq === frames.at(-1)?.place;
    },
    FILLED_MS,
  );
  expect(await ledgerFrames(ledger)).toEqual(asLedger(frames));
};

const archiveIsStream = async (bus: Bus): Promise<void> => {
  const wanted = asLedger(await readFrames(bus));
  const held = async (): Promise<LedgerFrame[]> => asLedger(foldFrames(await archive.frames().catch(() => [])));
  await eventually(
    "the archive holds them in their places",
    async () => {
      const frames = await held();
      return frames.length === wanted.length && frames.at(-1)?.stream_seq === wanted.at(-1)?.stream_seq;
    },
    FILLED_MS,
  );
  expect(await held()).toEqual(wanted);
  await eventually(
    "every file has its manifest",
    async () => (await checkArchive(archive.client, archive.signing.keys)).faults.length === 0,
  );
};

/** Everything before the server goes down: what stays, what is lost, and where both stand on disk. */
const beginStream = async (nats: NatsServer, bus: Bus, live: string, logs: readonly RecordedFrame[][]) => {
  const kept = join(await temporaryDirectory(cleanup), "kept");
  await sendAll(
    bus,
    logs.map((log) => log.slice(0, log.length - LOST / logs.length)),
  );
  nats.kill("SIGKILL");
  await cp(live, kept, { recursive: true });
  await nats.restart();
  await eventually("the stream answers", () => bus.connected());
  await sendAll(bus, logs);
  return kept;
};

describe.each(losses)("a stream under default sync that $name", ({ apply }) => {
  it.each(["running", "stopped"] as const)(
    "leaves ledger and archive what the logs held, frame for frame, with the siphon %s meanwhile",
    async (siphon) => {
      await ledger.client.command({ query: "DROP DATABASE IF EXISTS enchanted SYNC" });
      await archive.loseBucket();
      const dir = await temporaryDirectory(cleanup);
      const nats = await startNats({ dir, syncAlways: false });
      cleanup.add(() => nats.stop());
      const bus = await connectTestBus(nats, cleanup);
      const live = join(dir, "jetstream", "jetstream", "$G", "streams", "CONTEXT");
      const logs = logsOf([1, 2, 3, 4], 500 + LOST / 4);
      let stop = startSiphon(bus);
      const kept = await beginStream(nats, bus, live, logs);
      const total = logs.flat().length;
      await ledgerIsStream(bus, total);
      await archiveIsStream(bus);

      if (siphon === "stopped") await stop();
      nats.kill("SIGKILL");
      await apply(kept, live);
      await nats.restart();
      await eventually("the stream answers", () => bus.connected());
      await bus.ensureStreams({ replicas: 1 });
      // Others are first: the places that were lost hold frames that nobody has read.
      const others = logsOf([5, 6], LOST / 2);
      await sendAll(bus, others);
      if (siphon === "stopped") stop = startSiphon(bus);
      await sendAll(bus, logs);
      await ledgerIsStream(bus, total + others.flat().length);
      await archiveIsStream(bus);
      await stop();
    },
    420_000,
  );
});
