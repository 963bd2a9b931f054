import { join } from "node:path";
import { rm } from "node:fs/promises";
import { run } from "#platform/process/run.ts";
import { startNats, type NatsServer } from "#platform/stores/nats.ts";
import type { Bench, Contestant, Figure, Reading, Staged, Surroundings } from "./harness/bench.ts";
import { ensureNatsCli } from "./harness/peers.ts";
import { runProgram } from "./harness/program.ts";
import { cpuSecondsOf } from "./harness/usage.ts";

const BYTES = 256;
/** The sizes of the headers that a frame has: envelope, hash before, hash. */
const HEADERS = ["Enchanted-Envelope", 330, "Enchanted-Prev-Hash", 64, "Enchanted-Hash", 64] as const;

type Servers = Readonly<Record<"default" | "always", NatsServer>>;
type Sync = keyof Servers;

const headerFlags = (): string[] => {
  const flags: string[] = [];
  for (let i = 0; i < HEADERS.length; i += 2) flags.push("-H", `${HEADERS[i]}:${"e".repeat(Number(HEADERS[i + 1]))}`);
  return flags;
};

/** Reads `… 134,982 msgs/sec …` out of what `nats bench` prints. */
const rateOf = (output: string): number => {
  const found = output.match(/([\d,]+) msgs\/sec/)?.[1];
  if (found === undefined) throw new Error(`nats bench told no rate:\n${output}`);
  return Number(found.replaceAll(",", ""));
};

const withServerCpu = async (server: NatsServer, messages: number, work: () => Promise<Reading>): Promise<Reading> => {
  const before = cpuSecondsOf(server.pid);
  const reading = await work();
  return { ...reading, serverMicros: ((cpuSecondsOf(server.pid) - before) / messages) * 1e6 };
};

const ours = (servers: Servers, sync: Sync, frames: number): Contestant => {
  let firstAgent = sync === "always" ? 1_000_000 : 0;
  return {
    name: `ours, ${sync}`,
    measure: () => {
      firstAgent += 1000;
      const settings = { url: servers[sync].url, firstAgent, agents: 20, frames, perExport: 100, bytes: BYTES };
      return withServerCpu(servers[sync], frames, () => runProgram("publish", settings));
    },
  };
};

type PeerOptions = {
  readonly mode: string;
  readonly sync: Sync;
  readonly messages: number;
  readonly headers?: boolean;
};

const peer = (servers: Servers, cli: string, { mode, sync, messages, headers = false }: PeerOptions): Contestant => ({
  name: `${mode}${headers ? " with headers" : ""}, ${sync}`,
  measure: () => {
    const size = ["--size", String(BYTES), "--msgs", String(messages), ...(headers ? headerFlags() : [])];
    const stream = ["--create", "--purge", "--storage", "file", "--replicas", "1", "--no-progress"];
    const command = [cli, "-s", servers[sync].url, "bench", "js", "pub", mode, ...stream, ...size, "peer"];
    return withServerCpu(servers[sync], messages, async () => ({ perSecond: rateOf(await run(command)) }));
  },
});

const beside = (sync: Sync, mode: string, goal?: Figure["goal"]): Figure => ({
  id: `P4 ${sync} ${mode}`,
  what: `frames published, ${sync === "default" ? "default sync" : "sync always"}, beside \`nats bench js pub ${mode}\``,
  unit: "frames/s",
  ours: [`ours, ${sync}`, "perSecond"],
  peer: [`${mode}, ${sync}`, "perSecond"],
  ...(goal === undefined ? {} : { goal }),
});

const startServers = async (directory: string): Promise<Servers> => ({
  default: await startNats({ dir: join(directory, "default"), syncAlways: false }),
  always: await startNats({ dir: join(directory, "always"), syncAlways: true }),
});

const stage = async ({ directory, quick, note }: Surroundings): Promise<Staged> => {
  note("the nats command");
  const cli = await ensureNatsCli();
  const servers = await startServers(directory);
  const share = quick ? 10 : 1;
  const [many, some] = [100_000 / share, 40_000 / share];
  return {
    contestants: [
      ours(servers, "default", many),
      peer(servers, cli, { mode: "async", sync: "default", messages: many }),
      peer(servers, cli, { mode: "async", sync: "default", messages: many, headers: true }),
      peer(servers, cli, { mode: "atomic", sync: "default", messages: many, headers: true }),
      ours(servers, "always", some),
      peer(servers, cli, { mode: "async", sync: "always", messages: 5000 / share }),
      peer(servers, cli, { mode: "atomic", sync: "always", messages: some, headers: true }),
    ],
    figures: [
      beside("default", "async", { kind: "ratioAtLeast", must: 2, aim: 5 }),
      beside("always", "async", { kind: "ratioAtLeast", must: 20, aim: 60 }),
      beside("default", "async with headers"),
      beside("default", "atomic with headers"),
      beside("always", "atomic with headers"),
    ],
    conditions: [
      `One server for both sides, file storage, R1, ${BYTES} B; ours are whole frames, so each message also carries about 460 B of headers (envelope and hashes) and its place in the chain is checked.`,
      "20 agents, each sends the next 100 frames when the last ones are stored; one process, all frames made beforehand.",
      "`nats bench` as it comes: one client, 500 messages a batch. `async with headers` and `atomic with headers` send headers of the same size as ours.",
    ],
    dispose: async () => {
      await Promise.all(Object.values(servers).map((server) => server.stop()));
      await rm(directory, { recursive: true, force: true });
    },
  };
};

/** P4: frames into JetStream. */
export const publishBench: Bench = { id: "P4", title: "Publishing to JetStream", stage };
