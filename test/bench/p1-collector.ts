import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "nats";
import { jetstreamManager } from "@nats-io/jetstream";
import { readTail } from "#nervous-system/comms/nats/chain-tail.ts";
import type { Bench, Contestant, Figure, Reading, Staged, Surroundings } from "./harness/bench.ts";
import { runProgram } from "./harness/program.ts";
import { startStockCollector, type StockCollector } from "./harness/stock-collector.ts";
import { startSwarm, type BenchAgent, type Swarm } from "./harness/swarm.ts";
import { cpuSecondsOf } from "./harness/usage.ts";

const AGENTS = 20;
const PER_REQUEST = 100;
const FRAME_BYTES = 600;

const cpuOf = (pids: readonly number[]): number => pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0);

/** CPU-seconds of processes until they rest again: what is accepted is worked off behind the acknowledgement. */
const cpuDuring = async (pids: readonly number[], work: () => Promise<Reading>): Promise<Reading & { cpu: number }> => {
  const before = cpuOf(pids);
  const reading = await work();
  let [last, now] = [-1, cpuOf(pids)];
  while (now - last > 0.02) {
    await sleep(500);
    [last, now] = [now, cpuOf(pids)];
  }
  return { ...reading, cpu: now - before };
};

/** Frames of all agents in the stream, by the ends of their chains. */
const storedIn = async (address: Swarm["natsAddress"], agents: readonly BenchAgent[]): Promise<number> => {
  const connection = await connect(address);
  try {
    const manager = await jetstreamManager(connection);
    const tails = await Promise.all(agents.map(({ stamps }) => readTail(manager, stamps.agent_uid, 1)));
    return tails.reduce((sum, { seq }) => sum + seq, 0);
  } finally {
    await connection.close();
  }
};

const perCpuSecond = (reading: Reading & { cpu: number }): Reading => ({
  ...reading,
  perCpuSecond: (reading["sent"] ?? 0) / reading.cpu,
  microsPerFrame: (reading.cpu / (reading["sent"] ?? 0)) * 1e6,
});

type Load = { readonly agents: readonly BenchAgent[]; readonly requests: number; readonly caFile: string };

const ours = (swarm: Swarm, collectorPid: number, load: Load): Contestant => {
  let skip = 0;
  const address = `127.0.0.1:${swarm.collectorPort}`;
  return {
    name: "ours",
    measure: async () => {
      const before = await storedIn(swarm.natsAddress, load.agents);
      const settings = { ...load, address, skip, perRequest: PER_REQUEST, bytes: FRAME_BYTES, content: "frames" };
      const pids = [collectorPid, swarm.nats.pid];
      const natsBefore = cpuSecondsOf(swarm.nats.pid);
      const reading = await cpuDuring(pids, () => runProgram("send-logs", settings));
      const natsMicros = ((cpuSecondsOf(swarm.nats.pid) - natsBefore) / (reading["sent"] ?? 0)) * 1e6;
      skip += load.requests;
      const lost = before + (reading["sent"] ?? 0) - (await storedIn(swarm.natsAddress, load.agents));
      if (lost !== 0 || reading["rejected"] !== 0) throw new Error(`${lost} acknowledged frames are not in the stream`);
      return { ...perCpuSecond(reading), lost, natsMicros };
    },
  };
};

const stock = (name: string, content: string, peer: StockCollector, load: Load): Contestant => ({
  name,
  measure: async () => {
    const settings = { ...load, address: `127.0.0.1:${peer.port}`, skip: 0, perRequest: PER_REQUEST };
    return perCpuSecond(
      await cpuDuring([peer.service.pid], () => runProgram("send-logs", { ...settings, bytes: FRAME_BYTES, content })),
    );
  },
});

const beside = (peer: string, what: string, goal?: Figure["goal"]): Figure => ({
  id: `P1 ${peer}`,
  what: `frames a CPU-second, beside the stock collector ${what}`,
  unit: "frames/CPU-s",
  ours: ["ours", "perCpuSecond"],
  peer: [peer, "perCpuSecond"],
  ...(goal === undefined ? {} : { goal }),
});

const stage = async ({ directory, quick, plainStores, note }: Surroundings): Promise<Staged> => {
  note("API server, NATS, collectors");
  const swarm = await startSwarm(join(directory, "swarm"), { plainStores });
  const collector = await swarm.startCollector();
  const peer = await startStockCollector({ directory, name: "stock", tls: swarm.tls });
  const { caFile } = swarm.tls;
  const load = { agents: await swarm.createAgents(AGENTS), requests: quick ? 3 : 60, caFile };
  return {
    contestants: [
      ours(swarm, collector.pid, load),
      stock("stock", "plain", peer, load),
      stock("stock, our bytes", "frames", peer, load),
    ],
    figures: [
      beside("stock", "that gets log records of ten attributes", { kind: "ratioAtLeast", must: 1.5, aim: 3 }),
      beside("stock, our bytes", "that gets the very same requests"),
      {
        id: "P1 rate",
        what: "frames acknowledged a second of wall time",
        unit: "frames/s",
        ours: ["ours", "perSecond"],
        peer: ["stock", "perSecond"],
      },
    ],
    conditions: [
      `${AGENTS} agents, each sends its next ${PER_REQUEST} frames (about ${FRAME_BYTES} B, ten members) over gRPC and TLS when the last are acknowledged.`,
      `Ours: CPU-seconds of the collector, as shipped, and of nats-server (sync always, R1) together, by ${plainStores ? "plain text" : "TLS"} between them; who sends is verified, every hash, envelope, right and chain is checked, and after each run the stream holds every acknowledged frame.`,
      "Peer: OTLP into a sending queue in file_storage with fsync, behind it an exporter that lets everything go; it checks nothing.",
    ],
    dispose: async () => {
      await Promise.all([collector.stop(), peer.service.stop()]);
      await swarm.stop();
    },
  };
};

/** P1: OTLP in, acknowledged by JetStream. */
export const collectorBench: Bench = { id: "P1", title: "Collector", stage };
