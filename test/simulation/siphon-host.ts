import { silentLog } from "#nervous-system/kernel/log.ts";
import { createRegistry } from "#nervous-system/telemetry/metrics.ts";
import { createSiphonMetrics } from "#pipeline/siphon/measure.ts";
import { runSink } from "#pipeline/siphon/run-sink.ts";
import type { EventLoop } from "./event-loop.ts";
import type { History } from "./history.ts";
import { beginLife, type Life } from "./life.ts";
import type { SimulatedLedger } from "./ledger.ts";
import type { Random } from "./random.ts";
import { connectStream, type StreamWeather } from "./stream-connection.ts";
import type { StreamServer } from "./stream-server.ts";

/** A siphon that is started again whenever it is killed. */
export type SiphonHost = { readonly name: string; start(): void; kill(restartMs: number): void };

/** What a siphon's host is made of. */
export type SiphonHostOptions = {
  loop: EventLoop;
  random: Random;
  stream: StreamServer;
  weather: StreamWeather;
  ledger: SimulatedLedger;
  history: History;
};

const metrics = createSiphonMetrics(createRegistry());
const NAME = "siphon";
// Small batches, so that cuts end within chunks.
const limits = { maxFrames: 5, maxBytes: 1 << 20, lingerMs: 250, ackWaitMs: 120_000 };

/** Creates a siphon that is not started: the product's loop, reader and gatherer between the simulated stream and ledger. */
export const createSiphonHost = (options: SiphonHostOptions): SiphonHost => {
  const { loop, random, stream, weather, ledger, history } = options;
  let life: Life | undefined;
  const host: SiphonHost = {
    name: NAME,
    start: () => {
      const own = beginLife(loop, NAME);
      life = own;
      const stop = new AbortController();
      own.onDeath(() => stop.abort(new Error("dead")));
      const bus = connectStream({ life: own, name: NAME, server: stream, weather, loop, random: random.fork() });
      const kind = { name: "ledger", limits };
      const { clock } = own;
      const sink = ledger.sink(own);
      const feed = { kind, sink, bus, clock, random: random.next, metrics, log: silentLog, onTrouble: () => undefined };
      void runSink(feed, stop.signal);
    },
    kill: (restartMs) => {
      if (life?.isAlive() !== true) return;
      life.die();
      history.add(NAME, "info", { f: "note", value: "killed" });
      loop.after(restartMs, () => host.start());
    },
  };
  return host;
};
