import type { NatsServer } from "#platform/stores/nats.ts";
import { startNats } from "#platform/stores/nats.ts";
import { createSwarmFrames } from "#test/builders/swarm-frames.ts";
import {
  connectTestBus,
  createCleanup,
  temporaryDirectory,
  type Cleanup,
} from "#test/integration/pipeline/bus-harness.ts";
import { ledgerFrames } from "#test/integration/pipeline/ledger-harness.ts";
import {
  emptyStores,
  forgetReaders,
  siphonStores,
  startStores,
  type StoreServers,
} from "#test/integration/pipeline/store-servers.ts";
import type { Bench, Contestant, Figure, Reading, Staged, Surroundings } from "./harness/bench.ts";
import { nLogN } from "./harness/growth.ts";
import { runProgram } from "./harness/program.ts";
import { cpuSecondsOfTree } from "./harness/usage.ts";

const PER_EXPORT = 100;

/** A stream that is full of frames, and how many. */
type Filled = { readonly nats: NatsServer; readonly frames: number };

/** Which sinks are fed, from how long a stream. */
type Work = { readonly name: string; readonly sinks: readonly string[]; readonly frames: number };

const fillStream = async (frames: number, cleanup: Cleanup): Promise<Filled> => {
  const nats = await startNats({ dir: await temporaryDirectory(cleanup), syncAlways: false });
  cleanup.add(() => nats.stop());
  const bus = await connectTestBus(nats, cleanup);
  const swarm = createSwarmFrames({ seed: 5, teams: 4, missions: 5, agents: 5 });
  for (let stored = 0; stored < frames; stored += PER_EXPORT) {
    const results = await bus.publisher.publish(swarm.burst(PER_EXPORT));
    if (results.some(({ kind }) => kind !== "stored")) throw new Error("a frame was not stored");
  }
  return { nats, frames };
};

const counters: Readonly<Record<string, (stores: StoreServers) => Promise<number>>> = {
  ledger: async ({ ledger }) => (await ledgerFrames(ledger)).length,
  archive: async ({ archive }) => (await archive.frames()).length,
};

/** Frames that a store should hold and does not; of what is projected the kills of test/chaos/stores tell. */
const lostOf = async (stores: StoreServers, sinks: readonly string[], frames: number): Promise<number> => {
  const held = await Promise.all(sinks.map(async (sink) => (await counters[sink]?.(stores)) ?? frames));
  return held.reduce((lost, count) => lost + frames - count, 0);
};

const serversOf = ({ ledger, archive, graph, memory }: StoreServers, sinks: readonly string[]): number[] => {
  const pids: Readonly<Record<string, number>> = {
    ledger: ledger.server.pid,
    archive: archive.server.pid,
    graph: graph.server.pid,
    memory: memory.server.pid,
  };
  return sinks.flatMap((sink) => pids[sink] ?? []);
};

const cpuOf = (pids: readonly number[]): number => pids.reduce((sum, pid) => sum + cpuSecondsOfTree(pid), 0);

const contestantOf = ({ name, sinks }: Work, { nats, frames }: Filled, stores: StoreServers): Contestant => ({
  name,
  measure: async (): Promise<Reading> => {
    await emptyStores(stores);
    await forgetReaders(nats);
    const servers = serversOf(stores, sinks);
    const before = cpuOf(servers);
    const settings = { natsUrl: nats.url, sinks, env: siphonStores(stores) };
    const reading = await runProgram("feed-sinks", settings);
    const storesCpu = cpuOf(servers) - before;
    const lost = await lostOf(stores, sinks, frames);
    if (lost !== 0) throw new Error(`${lost} frames are not in the stores`);
    const siphonCpu = reading["cpuSeconds"] ?? Number.NaN;
    const [siphonMicros, storesMicros] = [siphonCpu, storesCpu].map((cpu) => (cpu / frames) * 1e6);
    return { ...reading, lost, perCpuSecond: frames / (siphonCpu + storesCpu), siphonMicros, storesMicros } as Reading;
  },
});

/** What ClickHouse and its official client take at best: the same rows, made before the clock runs. */
const bareInserts = ({ nats, frames }: Filled, stores: StoreServers): Contestant => ({
  name: "bare inserts",
  measure: async () => {
    await emptyStores(stores);
    const { url, username, password } = stores.ledger.server;
    const servers = serversOf(stores, ["ledger"]);
    const before = cpuOf(servers);
    const reading = await runProgram("insert-rows", { natsUrl: nats.url, url, username, password });
    const cpu = (reading["insertCpuSeconds"] ?? Number.NaN) + cpuOf(servers) - before;
    return { ...reading, perCpuSecond: frames / cpu };
  },
});

const worksOf = (quick: boolean): readonly Work[] => {
  const share = quick ? 10 : 1;
  return [
    { name: "ledger + archive, 30,000 frames", sinks: ["ledger", "archive"], frames: 30_000 / share },
    { name: "ledger + archive", sinks: ["ledger", "archive"], frames: 120_000 / share },
    { name: "ledger", sinks: ["ledger"], frames: 120_000 / share },
    { name: "graph", sinks: ["graph"], frames: 30_000 / share },
    { name: "all sinks", sinks: ["ledger", "archive", "graph", "memory"], frames: 30_000 / share },
  ];
};

const sustained = (name: string, must: number): Figure => ({
  id: `P5 ${name}`,
  what: `frames from the stream into ${name}, beside the ledger alone`,
  unit: "frames/s",
  ours: [name, "perSecond"],
  peer: ["ledger", "perSecond"],
  goal: { kind: "valueAtLeast", must, aim: 2 * must },
});

const costs = (name: string): Figure => ({
  id: `P5 ${name} cpu`,
  what: `CPU of the siphon a frame, beside that of its stores: ${name}`,
  unit: "µs",
  ours: [name, "siphonMicros"],
  peer: [name, "storesMicros"],
});

const figures: readonly Figure[] = [
  sustained("ledger + archive", 30_000),
  sustained("graph", 5_000),
  sustained("all sinks", 3_000),
  ...["ledger", "ledger + archive", "graph", "all sinks"].map(costs),
  {
    id: "P5 bare",
    what: "frames into the ledger a CPU-second of siphon and ClickHouse, beside bare inserts of rows made beforehand",
    unit: "frames/CPU-s",
    ours: ["ledger", "perCpuSecond"],
    peer: ["bare inserts", "perCpuSecond"],
  },
  {
    id: "P16 P5",
    what: "CPU of siphon and stores a frame, ledger + archive from 120,000 frames, beside 30,000",
    unit: "frames/CPU-s",
    ours: ["ledger + archive", "perCpuSecond"],
    peer: ["ledger + archive, 30,000 frames", "perCpuSecond"],
    goal: { kind: "ratioAtLeast", must: 4 / nLogN(30_000, 120_000), aim: 1 },
  },
];

const stage = async ({ quick, note }: Surroundings): Promise<Staged> => {
  const cleanup = createCleanup();
  note("ClickHouse, S3, Neo4j, Weaviate");
  const stores = await startStores(cleanup);
  const works = worksOf(quick);
  const streams = new Map<number, Filled>();
  for (const { frames } of works) {
    if (streams.has(frames)) continue;
    note(`a stream of ${frames} frames`);
    streams.set(frames, await fillStream(frames, cleanup));
  }
  return {
    contestants: [
      ...works.map((work) => contestantOf(work, streams.get(work.frames) as Filled, stores)),
      bareInserts(streams.get(works[1]?.frames ?? 0) as Filled, stores),
    ],
    figures,
    conditions: [
      "Frames of the mix in test/builders/swarm-payloads.ts: of 1,000 there are 260 THOUGHT, 240 ACTION, 175 MODEL_CALL, 120 STATE_CHANGE, 80 MESSAGE, 70 DECISION_RATIONALE, 34 HEARTBEAT, 10 LESSON and 11 others; about 700 B each beside their envelope; 100 agents in 20 missions.",
      "The siphon's own loops and sinks in one process, from a stream that is full to the end of it, empty stores each time; the slowest sink's rate, without its last batch, which waits for company. Afterwards ledger and archive are read whole: nothing is lost.",
      "The exporter of the OpenTelemetry collector for ClickHouse speaks native blocks, which the embedded ClickHouse does not: beside the ledger stand bare inserts of the same rows.",
      "All on one machine: stream, siphon and stores share its processors. The memory's vectors are the lexical hash.",
    ],
    dispose: () => cleanup.run(),
  };
};

/** P5: from the stream into the stores. */
export const storesBench: Bench = { id: "P5", title: "From the stream into the stores", stage };
