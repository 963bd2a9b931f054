import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { createRedactor } from "#nervous-system/recorder/redact.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";
import { createRegistry } from "#nervous-system/telemetry/metrics.ts";
import { createErasures } from "#pipeline/collector/external-frames.ts";
import { runImport } from "#pipeline/importer/run-import.ts";
import { createSiphonMetrics } from "#pipeline/siphon/measure.ts";
import type { Sink } from "#pipeline/siphon/sink.ts";
import { createChainCheck } from "#cli/record/check-chains.ts";
import type { NatsServer } from "#platform/stores/nats.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { foldFrames, startTestArchive } from "./archive-harness.ts";
import { feedAll, openAudit, type AuditedStores } from "./auditor-harness.ts";
import { connectTestBus, startTestNats, type Cleanup } from "./bus-harness.ts";
import { feedSink } from "./feeding.ts";
import { startTestGraph } from "./graph-harness.ts";
import { startTestLedger } from "./ledger-harness.ts";
import { startTestMemory, type TestMemory } from "./memory-harness.ts";

/** Every store, fed from one stream. */
export type ErasableStores = AuditedStores & {
  readonly memory: TestMemory;
  readonly nats: NatsServer;
  readonly bus: Bus;
  /** Brings all that the stream holds into every store, by sinks that start as after a restart. */
  feed(): Promise<void>;
  /** Everything that anybody could read of the stores. */
  everything(): Promise<object>;
  /** Names of the stores that hold these words anywhere. */
  saying(words: string): Promise<readonly string[]>;
  /** What a check of the archive's chains says. */
  verified(): Promise<ReturnType<ReturnType<typeof createChainCheck>["report"]>>;
  /** What the auditor tells. */
  audited(): Promise<readonly unknown[]>;
  /** Brings the archive into a store from its beginning, and closes its sink. */
  importInto(name: "ledger" | "graph" | "memory"): Promise<void>;
};

const feedMemory = async (bus: Bus, memory: TestMemory): Promise<void> => {
  const feed = feedSink({ name: "memory", sink: memory.sink(), bus, metrics: createSiphonMetrics(createRegistry()) });
  try {
    await eventually("the memory is through", async () => {
      const state = await bus.streamState();
      return ((await bus.trim.watermarks(state)).get("memory") ?? 0) >= state.lastSeq;
    });
  } finally {
    await feed.stop();
  }
};

/** Starts every store. */
export const startErasableStores = async (cleanup: Cleanup): Promise<ErasableStores> => {
  const [nats, ledger, archive, graph, memory] = await Promise.all([
    startTestNats(cleanup),
    startTestLedger(cleanup),
    startTestArchive(cleanup),
    startTestGraph(cleanup),
    startTestMemory(cleanup),
  ]);
  const bus = await connectTestBus(nats, cleanup);
  const stores = { ledger, archive, graph };
  const importing = async (name: string, sink: Sink): Promise<void> => {
    await runImport(
      {
        kind: { name, limits: { maxFrames: 100, maxBytes: 1 << 20, lingerMs: 0, ackWaitMs: 0 } },
        sink,
        archive: archive.client,
        anew: true,
        clock: systemClock(),
        random: Math.random,
        metrics: createSiphonMetrics(createRegistry()),
        log: silentLog,
      },
      new AbortController().signal,
    );
    await sink.close();
  };
  const everything = async () => ({
    ledger: await ledger.rows("SELECT * FROM enchanted.context_frames"),
    archive: (await archive.frames()).map(({ bytes }) => Buffer.from(bytes).toString()),
    graph: await graph.dump(),
    memory: await Promise.all((["lesson", "decision", "diff"] as const).map((kind) => memory.remembered(kind))),
  });
  return {
    ...stores,
    memory,
    nats,
    bus,
    feed: async () => {
      await feedAll(bus, stores);
      await feedMemory(bus, memory);
    },
    everything,
    saying: async (words) =>
      Object.entries(await everything()).flatMap(([store, dump]) =>
        JSON.stringify(dump).includes(words) ? [store] : [],
      ),
    verified: async () => {
      const check = createChainCheck();
      const frames = foldFrames(await archive.frames());
      for (const [line, frame] of frames.entries()) check.take({ kind: "frame", line, frame });
      return check.report();
    },
    audited: async () => {
      const audit = openAudit(bus, stores);
      try {
        return await audit.walk();
      } finally {
        await audit.close();
      }
    },
    importInto: (name) => importing(name, { ledger, graph, memory }[name].sink()),
  };
};

const compose = createErasures({ clock: systemClock(), redactor: createRedactor([]) });
const caller = {
  agentUid: stableId("stranger", "privacy"),
  namespace: "team-a",
  producers: ["agent" as const],
  recorder: "scribe",
  principal: "privacy",
};

/** An order to erase a frame, as the collector writes it. */
export const orderOf = ({ envelope, place, principal }: StoredFrame, blobs: readonly string[] = []): RecordedFrame => {
  const { event_id: event, agent_uid, epoch, seq } = envelope;
  const sender = principal === undefined ? {} : { principal };
  const payload = { event, agent_uid, epoch, seq, ...sender, places: [place], blobs, reason: "asked for" };
  return compose({ eventId: stableId("erasure", agent_uid, String(seq), String(Math.random())), payload, caller });
};
