import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "nats";
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import { readTail } from "#nervous-system/comms/nats/chain-tail.ts";
import { freePort } from "#platform/process/ports.ts";
import type { Bench, Contestant, Reading, Staged, Surroundings } from "./harness/bench.ts";
import { runProgram } from "./harness/program.ts";
import { bundleScribe, startScribe } from "./harness/scribe.ts";
import { startStockCollector } from "./harness/stock-collector.ts";
import { startSwarm, type Swarm } from "./harness/swarm.ts";
import { cpuSecondsOf, peakMiBOf, residentMiBOf, resetPeak } from "./harness/usage.ts";

const FRAME_BYTES = 600;
const PER_REQUEST = 100;
const POLL_MS = 20;

/** Waits until `count` has grown by `frames`; the time runs from the first that arrives. */
const drained = async (count: () => Promise<number>, frames: number): Promise<{ seconds: number }> => {
  let started: number | undefined;
  for (const limit = performance.now() + 300_000; performance.now() < limit; await sleep(POLL_MS)) {
    const now = await count();
    if (now > 0) started ??= performance.now();
    if (now >= frames && started !== undefined) return { seconds: (performance.now() - started) / 1000 };
  }
  throw new Error(`only ${await count()} of ${frames} came within five minutes`);
};

type Part = { readonly name: string; readonly pid: number };

/** What a drain cost the processes that took part in it. */
const measureDrain = async (parts: readonly Part[], frames: number, drain: () => Promise<{ seconds: number }>) => {
  const [sender] = parts;
  const before = residentMiBOf(sender?.pid ?? 0);
  for (const { pid } of parts) resetPeak(pid);
  const cpuBefore = parts.map(({ pid }) => cpuSecondsOf(pid));
  const { seconds } = await drain();
  const cpu = parts.reduce((sum, { pid }, index) => sum + cpuSecondsOf(pid) - (cpuBefore[index] ?? 0), 0);
  const peaks = Object.fromEntries(parts.map(({ name, pid }) => [`${name}MiB`, peakMiBOf(pid)]));
  const senderPeak = peakMiBOf(sender?.pid ?? 0);
  return { ...peaks, perSecond: frames / seconds, cpuMicros: (cpu / frames) * 1e6, growthMiB: senderPeak - before };
};

const framesOf = async (manager: JetStreamManager, agentUid: string): Promise<number> =>
  (await readTail(manager, agentUid, 1).catch(() => undefined))?.seq ?? 0;

const ours = (swarm: Swarm, program: string, directory: string, frames: number): Contestant => {
  let run = 0;
  const measure = async (manager: JetStreamManager, place: string): Promise<Reading> => {
    const [agent] = await swarm.createAgents(1);
    if (agent === undefined) throw new Error("no agent was created");
    const scribe = await startScribe(swarm, agent, program, place);
    try {
      const filled = await runProgram("fill-socket", { socket: scribe.socket, frames, bytes: FRAME_BYTES });
      const collector = await swarm.startCollector();
      try {
        const parts = [
          { name: "scribe", pid: scribe.service.pid },
          { name: "collector", pid: collector.pid },
          { name: "nats", pid: swarm.nats.pid },
        ];
        const cost = await measureDrain(parts, frames, () =>
          drained(() => framesOf(manager, agent.stamps.agent_uid), frames),
        );
        return { ...cost, fillPerSecond: filled["perSecond"] ?? 0 };
      } finally {
        await collector.stop();
      }
    } finally {
      scribe.service.kill();
      await scribe.service.exited;
    }
  };
  return {
    name: "ours",
    measure: async () => {
      const connection = await connect(swarm.natsAddress);
      const place = join(directory, `scribe-${(run += 1)}`);
      try {
        return await measure(await jetstreamManager(connection), place);
      } finally {
        await connection.close();
        await rm(place, { recursive: true, force: true });
      }
    },
  };
};

const stock = (swarm: Swarm, directory: string, frames: number): Contestant => {
  let run = 0;
  const { tls } = swarm;
  const measure = async (place: string): Promise<Reading> => {
    const away = await freePort();
    const sender = await startStockCollector({ directory: place, name: "sender", tls, sendTo: away });
    try {
      const load = { caFile: tls.caFile, agents: [{ token: "none", stamps: {} }], skip: 0, perRequest: PER_REQUEST };
      const address = `127.0.0.1:${sender.port}`;
      const requests = { requests: frames / PER_REQUEST, bytes: FRAME_BYTES, content: "plain" };
      const filled = await runProgram("send-logs", { ...load, ...requests, address });
      const receiver = await startStockCollector({ directory: place, name: "receiver", tls, port: away });
      try {
        const parts = [
          { name: "sender", pid: sender.service.pid },
          { name: "receiver", pid: receiver.service.pid },
        ];
        const cost = await measureDrain(parts, frames, () => drained(() => receiver.accepted(), frames));
        return { ...cost, fillPerSecond: filled["perSecond"] ?? 0 };
      } finally {
        receiver.service.kill();
        await receiver.service.exited;
      }
    } finally {
      sender.service.kill();
      await sender.service.exited;
    }
  };
  return {
    name: "stock",
    measure: async () => {
      const place = join(directory, `stock-${(run += 1)}`);
      try {
        return await measure(place);
      } finally {
        await rm(place, { recursive: true, force: true });
      }
    },
  };
};

const stage = async ({ directory, quick, plainStores, note }: Surroundings): Promise<Staged> => {
  note("API server, NATS");
  const swarm = await startSwarm(join(directory, "swarm"), { plainStores });
  const frames = quick ? 6000 : 60_000;
  // The streams are the collector's to make; a scribe's first frames find them there.
  await (await swarm.startCollector()).stop();
  const program = await bundleScribe(directory);
  return {
    contestants: [ours(swarm, program, directory, frames), stock(swarm, directory, frames)],
    figures: [
      {
        id: "R3 drain",
        what: "frames drained after an outage, beside the stock collector's persistent queue",
        unit: "frames/s",
        ours: ["ours", "perSecond"],
        peer: ["stock", "perSecond"],
        goal: { kind: "ratioAtLeast", must: 2, aim: 3 },
      },
      {
        id: "R3 growth",
        what: "memory that the side which kept the backlog takes more while it drains",
        unit: "MiB",
        ours: ["ours", "growthMiB"],
        peer: ["stock", "growthMiB"],
        goal: { kind: "valueAtMost", must: 32, aim: 16 },
      },
      {
        id: "R3 memory",
        what: "most memory of the side which kept the backlog (scribe; sending collector)",
        unit: "MiB",
        ours: ["ours", "scribeMiB"],
        peer: ["stock", "senderMiB"],
      },
      {
        id: "R3 collector memory",
        what: "most memory of the receiving side (collector; receiving collector)",
        unit: "MiB",
        ours: ["ours", "collectorMiB"],
        peer: ["stock", "receiverMiB"],
      },
      {
        id: "R3 fill",
        what: "frames taken durably a second while the receiver is away, from one sender",
        unit: "frames/s",
        ours: ["ours", "fillPerSecond"],
        peer: ["stock", "fillPerSecond"],
      },
      {
        id: "R3 cpu",
        what: "CPU of all processes of the drain a frame",
        unit: "µs",
        ours: ["ours", "cpuMicros"],
        peer: ["stock", "cpuMicros"],
      },
    ],
    conditions: [
      `${frames.toLocaleString("en")} frames of about ${FRAME_BYTES} B: an hour of an agent that writes ${Math.round(frames / 3600)} a second, written as fast as they are taken while the receiver is away; then it comes back.`,
      "Ours: one scribe's log, drained in order through a collector (every frame verified) into JetStream with sync always. Peer: a persistent queue with fsync, ten consumers, no order, into a second stock collector with such a queue.",
      "The time runs from the first frame that arrives to the last, so that nobody's pause before trying again counts.",
    ],
    dispose: () => swarm.stop(),
  };
};

/** R3: an hour's outage, then the drain. */
export const outageBench: Bench = { id: "R3", title: "Draining after an outage", stage };
