import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { createRedactor } from "#nervous-system/recorder/redact.ts";
import { erasedDigest } from "#nervous-system/schemas/erased.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";
import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { createObjectStore } from "#nervous-system/stores/s3/object-store.ts";
import { createRegistry } from "#nervous-system/telemetry/metrics.ts";
import { checkArchive } from "#pipeline/archive-reader/check-archive.ts";
import { createErasures } from "#pipeline/collector/external-frames.ts";
import { runImport } from "#pipeline/importer/run-import.ts";
import { heldKey } from "#pipeline/siphon/archive/keys.ts";
import { createArchiveSink } from "#pipeline/siphon/archive/sink.ts";
import { erasuresIn } from "#pipeline/siphon/erasures.ts";
import { createSiphonMetrics } from "#pipeline/siphon/measure.ts";
import type { Sink } from "#pipeline/siphon/sink.ts";
import { createChainCheck } from "#cli/record/check-chains.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { startTestArchive } from "./archive-harness.ts";
import { busyChain, feedAll, openAudit, sendByTurns, type AuditedStores } from "./auditor-harness.ts";
import { connectTestBus, createCleanup, startTestNats, temporaryDirectory } from "./bus-harness.ts";
import { agentUid, chainBuilder } from "./chain-builder.ts";
import { feedSink } from "./feeding.ts";
import { startTestGraph } from "./graph-harness.ts";
import { ledgerFrames, startTestLedger } from "./ledger-harness.ts";
import { startTestMemory, type TestMemory } from "./memory-harness.ts";

const SECRET = "Erika Mustermann";
const never = new AbortController().signal;
const cleanup = createCleanup();
let stores: AuditedStores;
let memory: TestMemory;
let bus: Bus;

beforeAll(async () => {
  const [nats, ledger, archive, graph, remembering] = await Promise.all([
    startTestNats(cleanup),
    startTestLedger(cleanup),
    startTestArchive(cleanup),
    startTestGraph(cleanup),
    startTestMemory(cleanup),
  ]);
  stores = { ledger, archive, graph };
  memory = remembering;
  bus = await connectTestBus(nats, cleanup);
}, 600_000);
afterAll(() => cleanup.run(), 60_000);

/** What an agent says of somebody, in every way that a store has columns, nodes or objects for. */
const telling: ReadonlyArray<(blob: string) => Record<string, unknown>> = [
  () => ({ payload: { text: `${SECRET} wants it so` } }),
  () => ({ event_type: "DECISION_RATIONALE", payload: { reasoning: `as ${SECRET} says`, selected_strategy: SECRET } }),
  (blob) => ({
    event_type: "STATE_CHANGE",
    related_commit_hash: "c".repeat(40),
    payload: {
      file_modified: `${SECRET}.txt`,
      change: "added",
      patch: `+${SECRET}`,
      depends_on: [`of ${SECRET}`],
      blob,
    },
  }),
  () => ({ event_type: "MESSAGE", payload: { from: "coder-1", to: "coder-2", subject: SECRET, text: SECRET } }),
  () => ({ event_type: "LESSON", payload: { state: "learned", text: `never call ${SECRET}`, sources: ["x"] } }),
  () => ({ event_type: "PROPOSAL", payload: { head: "d".repeat(40), title: SECRET, files: [], body: SECRET } }),
];

const feedMemory = async (): Promise<void> => {
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

const feed = async (): Promise<void> => {
  await feedAll(bus, stores);
  await feedMemory();
};

const compose = createErasures({ clock: systemClock(), redactor: createRedactor([]) });
const caller = {
  agentUid: stableId("stranger", "privacy"),
  namespace: "team-a",
  producers: ["agent" as const],
  recorder: "scribe",
  principal: "privacy",
};

const orderOf = ({ envelope, place }: StoredFrame, blobs: readonly string[] = []): RecordedFrame => {
  const { event_id: event, agent_uid, epoch, seq } = envelope;
  const payload = { event, agent_uid, epoch, seq, places: [place], blobs, reason: "asked for" };
  return compose({ eventId: stableId("erasure", agent_uid, String(seq), String(Math.random())), payload, caller });
};

/** Everything that anybody could read of the stores. */
const everything = async (): Promise<string> => {
  const { ledger, archive, graph } = stores;
  const rows = await ledger.rows("SELECT * FROM enchanted.context_frames");
  const files = (await archive.frames()).map(({ bytes }) => Buffer.from(bytes).toString());
  const kinds = await Promise.all((["lesson", "decision", "diff"] as const).map((kind) => memory.remembered(kind)));
  return JSON.stringify([rows, files, await graph.dump(), kinds]);
};

const verified = async (): Promise<ReturnType<ReturnType<typeof createChainCheck>["report"]>> => {
  const check = createChainCheck();
  const frames = await stores.archive.frames();
  for (const [line, frame] of frames.entries()) check.take({ kind: "frame", line, frame });
  return check.report();
};

const audited = async (): Promise<readonly unknown[]> => {
  const audit = openAudit(bus, stores);
  try {
    return await audit.walk();
  } finally {
    await audit.close();
  }
};

describe("an erasure", () => {
  let told: StoredFrame[] = [];

  it("takes what a frame says out of every store, and leaves its chain as it was", async () => {
    const { client } = stores.archive;
    await client.ensureBucket();
    const blobs = createObjectStore({ client, spoolDir: await temporaryDirectory(cleanup) });
    const blob = await blobs.put("team-a", Buffer.from(`${SECRET} whole`));
    const chain = chainBuilder({ agent_uid: agentUid(1) });
    const frames = telling.flatMap((tell) => [
      chain.next(tell(blob)),
      // Whose chain it is, the graph knows by what it is not asked to forget.
      chain.next({ event_type: "DECISION_RATIONALE", payload: { reasoning: "so" } }),
    ]);
    await sendByTurns(bus, [frames, busyChain({ agent_uid: agentUid(2) }, 120)]);
    await feed();
    expect(await everything()).toContain(SECRET);
    const before = await stores.archive.frames();
    told = before.filter(({ bytes }) => Buffer.from(bytes).includes(SECRET));
    expect(told).toHaveLength(telling.length);

    await bus.unchained.publish(told.map((frame) => orderOf(frame, [blob])));
    await feed();
    expect(await everything()).not.toContain(SECRET);
    expect(await blobs.get("team-a", blob)).toBeUndefined();
    const after = await stores.archive.frames();
    expect(after.map(({ hash }) => hash).slice(0, before.length)).toEqual(before.map(({ hash }) => hash));
    expect(after.filter(({ bytes }) => erasedDigest(bytes) !== undefined)).toHaveLength(told.length);
    expect(await verified()).toMatchObject({ ok: true, erased: told.length });
    expect(await audited()).toEqual([]);
    expect((await checkArchive(client, stores.archive.signing.keys)).faults).toEqual([]);
  }, 300_000);

  it("changes nothing where it is ordered again, or of a frame that is not there", async () => {
    const before = await everything();
    const [one] = told;
    const absent = { ...one!, envelope: { ...one!.envelope, seq: 999 } };
    const names = await stores.archive.keys("archive.v1/frames/");
    await bus.unchained.publish([orderOf(one!), orderOf(absent)]);
    await feed();
    expect((await stores.archive.keys("archive.v1/frames/")).filter((name) => name.includes(".r"))).toEqual(
      names.filter((name) => name.includes(".r")),
    );
    expect(before.length).toBeLessThan((await everything()).length);
    expect(await audited()).toEqual([]);
  }, 300_000);

  it("is told as held where a lock of the store keeps a file", async () => {
    const { client } = stores.archive;
    const [file = ""] = await stores.archive.keys("archive.v1/frames/");
    const mark = Buffer.from(JSON.stringify({ key: file, untilMs: Date.UTC(2126, 0, 2) }));
    await client.put(heldKey(file), mark, mark.length);
    expect(await audited()).toEqual([
      expect.objectContaining({
        store: "archive",
        kind: "held",
        subject: file,
        first: "it was erased, and is locked until 2126-01-02T00:00:00.000000000Z",
      }),
    ]);
    // Somebody's mark on a file in whose place no other is takes it from nobody.
    const past = Buffer.from(JSON.stringify({ key: file, untilMs: 1 }));
    await client.put(heldKey(file), past, past.length);
    await feed();
    expect(await stores.archive.keys("archive.v1/frames/")).toContain(file);
    await client.delete(heldKey(file));
    expect(await audited()).toEqual([]);
  }, 300_000);

  it("is what stores are filled with that are made anew from the archive", async () => {
    const { ledger, archive, graph } = stores;
    const [rows, nodes] = [await ledgerFrames(ledger), (await graph.dump()).nodes];
    await ledger.client.command({ query: "DROP DATABASE enchanted SYNC" });
    await graph.client.run("MATCH (n) DETACH DELETE n");
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
        never,
      );
      await sink.close();
    };
    await importing("ledger", ledger.sink());
    await importing("graph", graph.sink());
    expect(await ledgerFrames(ledger)).toEqual(rows);
    expect((await graph.dump()).nodes).toEqual(nodes);
    expect(await everything()).not.toContain(SECRET);
  }, 300_000);

  it("goes on where the archive failed at any of its steps", async () => {
    const chain = chainBuilder({ agent_uid: agentUid(3) });
    await bus.publisher.publish([chain.next({ payload: { text: `${SECRET} again` } }), ...chain.take(5)]);
    await feed();
    const target = (await stores.archive.frames()).find(({ bytes }) => Buffer.from(bytes).includes(SECRET))!;
    const erasures = erasuresIn([{ ...orderOf(target), place: 1, storedNs: 1n }]);
    let left = 0;
    const failing = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => {
      return (...args: A): Promise<R> => {
        left -= 1;
        return left === 0 ? Promise.reject(new Error("the store is away")) : call(...args);
      };
    };
    const { client } = stores.archive;
    const wrapped: ObjectClient = {
      ...client,
      putIfAbsent: failing(client.putIfAbsent),
      get: failing(client.get),
      erase: failing(client.erase),
    };
    const results: string[] = [];
    for (let step = 1; results.at(-1) !== "written"; step += 1) {
      left = step;
      results.push((await createArchiveSink(wrapped, { signing: stores.archive.signing }).erase(erasures, never)).kind);
      expect((await stores.archive.frames()).filter(({ hash }) => hash === target.hash)).toHaveLength(1);
    }
    expect(results.length).toBeGreaterThan(3);
    expect(await everything()).toContain(SECRET); // the other stores were not told
    expect((await stores.archive.frames()).some(({ bytes }) => Buffer.from(bytes).includes(SECRET))).toBe(false);
    expect((await checkArchive(client, stores.archive.signing.keys)).faults).toEqual([]);
  }, 300_000);
});
