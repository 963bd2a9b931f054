import { createCollectorHost, type CollectorHost } from "./collector-host.ts";
import { createEventLoop, type EventLoop } from "./event-loop.ts";
import { createHistory, type History, type Operation } from "./history.ts";
import { createHost, type Host } from "./host.ts";
import { createMembership } from "./identities.ts";
import { createNetwork, type Network } from "./network.ts";
import { createSimulatedLedger, type SimulatedLedger } from "./ledger.ts";
import { createSiphonHost, type SiphonHost } from "./siphon-host.ts";
import { createProducer, planFrames, type PlannedFrame, type Producer } from "./producer.ts";
import type { Random } from "./random.ts";
import type { DiskNature, MemberPlan, Scenario } from "./scenario.ts";
import type { StreamWeather } from "./stream-connection.ts";
import { createStreamServer, framesOf, type StreamServer } from "./stream-server.ts";
import { digestOfStream } from "./stream-digest.ts";

/** A recorder of the world, with who feeds it and what its disk is like. */
export type Inhabitant = {
  readonly host: Host;
  readonly producer: Producer;
  readonly frames: readonly PlannedFrame[];
  readonly nature: DiskNature;
  /** Whether its disk has lost or changed what it had promised to keep. */
  damaged: boolean;
};

/** Everything of one simulation. */
export type World = {
  readonly loop: EventLoop;
  readonly random: Random;
  readonly history: History;
  readonly network: Network;
  readonly stream: StreamServer;
  readonly streamWeather: StreamWeather;
  readonly collectors: readonly CollectorHost[];
  readonly siphon: SiphonHost;
  readonly ledger: SimulatedLedger;
  readonly inhabitants: readonly Inhabitant[];
  readonly scenario: Scenario;
  /** What handlers threw that no caller understands. */
  readonly unexpected: unknown[];
};

const READ_MS = 1_500;

type Parts = Omit<World, "inhabitants">;

const settle = (parts: Parts, plan: MemberPlan): Inhabitant => {
  const { loop, history, network, random, scenario } = parts;
  const { member, window } = plan;
  const frames = planFrames(member, random, plan);
  const producer = createProducer({ member, frames, window, loop, history });
  const host = createHost({ ...parts, ...plan, producer, network, cut: scenario.cut, random: random.fork() });
  host.disk.lies = false;
  return { host, producer, frames, nature: plan.nature, damaged: false };
};

const repeat = (loop: EventLoop, everyMs: number, run: () => void): void => {
  loop.after(everyMs, () => {
    run();
    repeat(loop, everyMs, run);
  });
};

const observe = ({ loop, stream, history }: Parts): void => {
  repeat(loop, READ_MS, () => {
    if (!stream.isUp()) return;
    const hashes = stream.messages.flatMap(framesOf).map(({ hash }) => hash);
    history.add("reader", "ok", { f: "read", value: { length: hashes.length, digest: digestOfStream(hashes) } });
  });
};

/** Builds the world of a scenario and starts it; `onAdd` sees its history as it comes. */
export const createWorld = (scenario: Scenario, random: Random, onAdd?: (operation: Operation) => void): World => {
  const loop = createEventLoop();
  const history = createHistory(() => loop.nowMs(), onAdd);
  const stream = createStreamServer();
  const streamWeather: StreamWeather = { delayMs: 1, loseRequest: 0, loseAnswer: 0, cuts: new Set() };
  const identify = createMembership(scenario.members.map(({ member }) => member));
  const collectors = Array.from({ length: scenario.collectors }, (_, at) =>
    createCollectorHost({
      name: `collector-${at + 1}`,
      loop,
      random: random.fork(),
      stream,
      weather: streamWeather,
      identify,
      history,
    }),
  );
  const unexpected: unknown[] = [];
  const onUnexpected = (error: unknown): void => void unexpected.push(error);
  const network = createNetwork({ loop, random: random.fork(), servers: collectors, onUnexpected });
  network.weather.delayMs = scenario.delayMs;
  const ledger = createSimulatedLedger(loop, random.fork());
  const siphon = createSiphonHost({ loop, random: random.fork(), stream, weather: streamWeather, ledger, history });
  const parts: Parts = {
    loop,
    random,
    history,
    network,
    stream,
    streamWeather,
    collectors,
    siphon,
    ledger,
    scenario,
    unexpected,
  };
  const inhabitants = scenario.members.map((plan) => settle(parts, plan));
  for (const collector of collectors) collector.start();
  siphon.start();
  for (const { host } of inhabitants) host.start();
  observe(parts);
  return { ...parts, inhabitants };
};
