import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Bench, Contestant, Staged, Surroundings } from "./harness/bench.ts";
import { ensureNpmPeers } from "./harness/peers.ts";
import { runProgram } from "./harness/program.ts";
import { bundleScribe, startScribe } from "./harness/scribe.ts";
import { startStockCollector } from "./harness/stock-collector.ts";
import { startSwarm, type Swarm } from "./harness/swarm.ts";
import { cpuSecondsOf, ownMiBOf, peakMiBOf } from "./harness/usage.ts";

const FRAME_BYTES = 600;
const PER_SECOND = 1000;

type Load = { readonly peers: string; readonly seconds: number; readonly directory: string };

const ours = (swarm: Swarm, program: string, load: Load): Contestant => {
  let run = 0;
  return {
    name: "ours",
    measure: async () => {
      const place = join(load.directory, `scribe-${(run += 1)}`);
      const [agent] = await swarm.createAgents(1);
      if (agent === undefined) throw new Error("no agent was created");
      const scribe = await startScribe(swarm, agent, program, place);
      const { pid } = scribe.service;
      let scribeOwnMiB = 0;
      const sampling = setInterval(() => (scribeOwnMiB = Math.max(scribeOwnMiB, ownMiBOf(pid))), 50);
      try {
        const settings = { ...load, who: "ours", socket: scribe.socket, address: "", directory: join(place, "client") };
        const reading = await runProgram("record", { ...settings, bytes: FRAME_BYTES, perSecond: PER_SECOND });
        return { ...reading, scribeMiB: peakMiBOf(pid), scribeOwnMiB, scribeCpu: cpuSecondsOf(pid) };
      } finally {
        clearInterval(sampling);
        await scribe.service.stop();
      }
    },
  };
};

const otel = (address: string, load: Load): Contestant => ({
  name: "otel",
  measure: () => {
    const settings = { ...load, who: "otel", socket: "", address, bytes: FRAME_BYTES, perSecond: PER_SECOND };
    return runProgram("record", settings);
  },
});

const stage = async ({ directory, quick, plainStores, note }: Surroundings): Promise<Staged> => {
  note("API server, NATS, collectors");
  const peers = await ensureNpmPeers();
  const swarm = await startSwarm(join(directory, "swarm"), { plainStores });
  const collector = await swarm.startCollector();
  const stock = await startStockCollector({ directory, name: "stock" });
  const program = await bundleScribe(directory);
  const load = { peers, seconds: quick ? 2 : 10, directory };
  await readFile(program); // a bundle that is missing fails here, not as a scribe that never listens
  return {
    contestants: [ours(swarm, program, load), otel(`http://127.0.0.1:${stock.port}`, load)],
    figures: [
      {
        id: "P15 p99",
        what: "p99 of a call of `record()`, beside `logger.emit()` of the OpenTelemetry SDK",
        unit: "µs",
        ours: ["ours", "p99"],
        peer: ["otel", "p99"],
        goal: { kind: "valueAtMost", must: 15, aim: 8 },
      },
      {
        id: "P15 followers",
        what: "p99 without the first call of each burst, which comes after some milliseconds of rest",
        unit: "µs",
        ours: ["ours", "followersP99"],
        peer: ["otel", "followersP99"],
      },
      {
        id: "P15 p50",
        what: "median of a call",
        unit: "µs",
        ours: ["ours", "p50"],
        peer: ["otel", "p50"],
      },
      {
        id: "P15 memory",
        what: "most memory of the scribe under load, beside the whole process that the SDK runs in",
        unit: "MiB",
        ours: ["ours", "scribeMiB"],
        peer: ["otel", "peakMiB"],
      },
      {
        id: "P15 own memory",
        what: "the same on both sides without the pages of files, as of the Node program, that processes share (RssAnon)",
        unit: "MiB",
        ours: ["ours", "scribeOwnMiB"],
        peer: ["otel", "ownMiB"],
        goal: { kind: "valueAtMost", must: 48, aim: 32 },
      },
      {
        id: "P15 agent memory",
        what: "most memory of the agent's process with our client in it, beside the SDK's",
        unit: "MiB",
        ours: ["ours", "peakMiB"],
        peer: ["otel", "peakMiB"],
      },
      {
        id: "P15 agent cpu",
        what: "CPU of the agent's process a record, with what follows the call",
        unit: "µs",
        ours: ["ours", "cpuMicros"],
        peer: ["otel", "cpuMicros"],
      },
    ],
    conditions: [
      `An agent records ${PER_SECOND} frames of about ${FRAME_BYTES} B a second, open loop, ten members each; each call is timed by itself.`,
      "Ours: the client module, a real scribe behind its socket (WAL with fdatasync), a real collector and NATS behind that. The SDK: batch processor and OTLP gRPC exporter with their defaults, a stock collector behind them.",
    ],
    dispose: async () => {
      await Promise.all([collector.stop(), stock.service.stop()]);
      await swarm.stop();
    },
  };
};

/** P15: what recording takes from the agent. */
export const recordBench: Bench = { id: "P15", title: "Recording in the agent", stage };
