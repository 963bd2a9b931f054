import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { chainHash, zeroHash } from "#nervous-system/schemas/chain.ts";
import { envelopeText, type Envelope, type RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog, type LogLine } from "#nervous-system/kernel/log.ts";
import { createReadClient } from "#nervous-system/stores/clickhouse/read-client.ts";
import { createRegistry } from "#nervous-system/telemetry/metrics.ts";
import { createEdgeWalk } from "#pipeline/auditor/edge-walk.ts";
import { createFindingsBoard } from "#pipeline/auditor/findings-board.ts";
import { createGraphParts } from "#pipeline/auditor/graph-parts.ts";
import { createGraphWalk } from "#pipeline/auditor/graph-walk.ts";
import { createLedgerRows } from "#pipeline/auditor/ledger-rows.ts";
import { createAuditorMetrics } from "#pipeline/auditor/measure.ts";
import { createNodeWalk } from "#pipeline/auditor/node-walk.ts";
import { createRecordWalk } from "#pipeline/auditor/record-walk.ts";
import { createWalker, type Walker } from "#pipeline/auditor/walker.ts";
import { createSiphonMetrics } from "#pipeline/siphon/measure.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import type { TestArchive } from "./archive-harness.ts";
import { chainBuilder, type ChainOf } from "./chain-builder.ts";
import { feedSink } from "./feeding.ts";
import { asBatch, type TestGraph } from "./graph-harness.ts";
import { testReader, type TestLedger } from "./ledger-harness.ts";

/** What is audited. */
export type AuditedStores = { readonly ledger: TestLedger; readonly archive: TestArchive; readonly graph: TestGraph };

/** A finding as it is logged. */
export type Told = { readonly store: string; readonly kind: string; readonly subject: string; readonly first: string };

const budget = { strides: 10_000, bytes: Infinity };

/** Opens an auditor's walks as its process does; each call walks over everything once and answers what it tells then. */
export const openAudit = (bus: Bus, { ledger, archive, graph }: AuditedStores) => {
  const { url } = ledger.server;
  const limits = { timeMs: 30_000, memoryBytes: 512 * 1024 * 1024 };
  const client = createReadClient({ url, ...testReader, limits });
  const [rows, parts] = [createLedgerRows(client), createGraphParts(graph.client)];
  const stores = { archive: archive.client, ledger: rows, keys: archive.signing.keys };
  return {
    /** With a store's name only the walks that tell of it, and no further than to what they tell. */
    walk: async (until?: Told["store"]): Promise<readonly Told[]> => {
      const told: Told[] = [];
      const found = new AbortController();
      const error: LogLine = (fields) => {
        told.push(fields as unknown as Told);
        if (fields["store"] === until) found.abort(new Error("found"));
      };
      const metrics = createAuditorMetrics(createRegistry());
      const board = createFindingsBoard(metrics, ["ledger", "archive", "graph"], { ...silentLog, error });
      const state = await bus.streamState();
      const { created, lastSeq } = state;
      const view = { created, lastSeq, finished: await bus.trim.watermarks(state), nowMs: systemClock().now() };
      const ofGraph = [
        createWalker(createGraphWalk({ archive: archive.client, graph: parts }), board),
        createWalker(createNodeWalk(parts, rows), board),
        createWalker(createEdgeWalk(parts), board),
      ];
      const walkers = [
        ...(until === "graph" ? [] : [createWalker(createRecordWalk(stores), board)]),
        ...(until === undefined || until === "graph" ? ofGraph : []),
      ];
      // As its process does, a walk that a store did not answer goes on from there.
      const toEnd = async ({ name, round }: Walker, triesLeft = 3): Promise<void> => {
        try {
          if (!(await round(view, budget, found.signal))) throw new Error(`${name} did not come to its end`);
        } catch (error) {
          if (found.signal.aborted) return;
          if (triesLeft === 0) throw error;
          await toEnd({ name, round }, triesLeft - 1);
        }
      };
      await Promise.all(walkers.map((walker) => toEnd(walker)));
      return told;
    },
    close: () => client.close(),
  };
};

/** Feeds every store by the real sinks until they have acknowledged all that the stream holds. */
export const feedAll = async (bus: Bus, { ledger, archive, graph }: AuditedStores): Promise<void> => {
  const metrics = createSiphonMetrics(createRegistry());
  const limits = { maxBytes: 8 << 20, lingerMs: 100 };
  const feeds = [
    feedSink({ name: "ledger", sink: ledger.sink(), bus, metrics, limits: { ...limits, maxFrames: 1500 } }),
    feedSink({ name: "archive", sink: archive.sink(), bus, metrics, limits: { ...limits, maxFrames: 700 } }),
    feedSink({ name: "graph", sink: graph.sink(), bus, metrics, limits: { ...limits, maxFrames: 1000 } }),
  ];
  const isThrough = async (): Promise<boolean> => {
    const state = await bus.streamState();
    const finished = await bus.trim.watermarks(state);
    return ["ledger", "archive", "graph"].every((name) => (finished.get(name) ?? 0) >= state.lastSeq);
  };
  try {
    await eventually("every sink is through", isThrough, 240_000);
    const { values } = await metrics.sinkPoison.get();
    if (values.length > 0) throw new Error(`frames were refused: ${JSON.stringify(values)}`);
  } finally {
    await Promise.all(feeds.map((feed) => feed.stop()));
  }
};

/** Writes frames of a stream that nobody reads to every store, as one batch. */
export const writeAsOneFile = async (
  { ledger, archive, graph }: AuditedStores,
  frames: readonly StoredFrame[],
): Promise<void> => {
  const batch = asBatch(frames);
  for (const sink of [ledger.sink(), archive.sink(), graph.sink()]) {
    await sink.prepare();
    const [newest] = await sink.cuts();
    await sink.keepCut({ ...batch.cut, number: (newest?.number ?? 0) + 1 });
    const result = await sink.write(batch, new AbortController().signal);
    await sink.close();
    if (result.kind !== "written") throw new Error(JSON.stringify(result));
  }
};

const paths = ["src/pool.ts", "src/login.ts", "docs/queue.md", "src/db/schema.sql"];

/** What agents do, one after the other: every type that the graph projects, and others. */
const doings: ReadonlyArray<(n: number) => Record<string, unknown>> = [
  (n) => ({ payload: { text: `thought ${n}, naïve — 缓存` } }),
  (n) => ({ event_type: "DECISION_RATIONALE", payload: { reasoning: `because of ${n}` } }),
  (n) => ({
    event_type: "STATE_CHANGE",
    payload: { file_modified: paths[n % paths.length], change: "modified", lines_added: n, depends_on: ["src/a.ts"] },
  }),
  (n) => ({ event_type: "MESSAGE", payload: { from: "coder-1", to: "coder-2", text: `done ${n}` } }),
  (n) => ({ event_type: "ACTION", payload: { tool: "shell", ok: true, result: `ran ${n}` } }),
  (n) => ({
    event_type: "PROPOSAL",
    payload: { head: n.toString(16).padStart(40, "0"), title: "x", files: [{ path: paths[0], change: "modified" }] },
  }),
  (n) => ({ event_type: "LIFECYCLE", payload: { phase: "Running", attempt: 1, image_digest: `sha256:${n % 3}` } }),
];

/** Makes the frames of one agent's epoch, which do something of everything. */
export const busyChain = (of: ChainOf, count: number, resumed?: string): RecordedFrame[] => {
  const chain = chainBuilder(of, resumed);
  return Array.from({ length: count }, (_, n) => chain.next(doings[n % doings.length]?.(n)));
};

/** Writes a chain anew with other envelopes; what has no chain follows nothing. */
export const reseal = (frames: readonly RecordedFrame[], change: (n: number) => Partial<Envelope>): RecordedFrame[] => {
  let end = zeroHash;
  return frames.map(({ envelope: given, bytes }, n) => {
    const envelope = { ...given, ...change(n) };
    const { agent_uid: uid, epoch, seq, observed } = envelope;
    const [text, prevHash] = [envelopeText(envelope), seq === 0 ? zeroHash : end];
    const place = { agentUid: uid, epoch, seq, prevHash, observedNs: BigInt(observed) };
    end = chainHash({ ...place, envelopeText: text, bytes });
    return { envelope, envelopeText: text, bytes, prevHash, hash: end };
  });
};

/** Publishes the rest of a chain, behind what the stream holds of it, a part at a time. */
export const send = async (bus: Bus, chain: readonly RecordedFrame[], upTo = chain.length): Promise<void> => {
  const [first] = chain;
  if (first === undefined) return;
  const { agent_uid, epoch } = first.envelope;
  const { seq } = await bus.tail(agent_uid, epoch);
  const results = await bus.publisher.publish(chain.slice(seq, upTo));
  if (results.some(({ kind }) => kind !== "stored")) throw new Error(JSON.stringify(results));
};

/** Publishes chains by turns, fifty frames of each at a time, so that every file of the archive holds several. */
export const sendByTurns = async (bus: Bus, chains: ReadonlyArray<readonly RecordedFrame[]>): Promise<void> => {
  const longest = chains.reduce((most, { length }) => Math.max(most, length), 0);
  for (let upTo = 50; upTo < longest + 50; upTo += 50) for (const chain of chains) await send(bus, chain, upTo);
};
