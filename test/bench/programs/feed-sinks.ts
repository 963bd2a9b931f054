// P5, our side: the siphon's own loops, of the sinks that are named, until each has acknowledged all that the stream holds.
import { createBus } from "#nervous-system/comms/nats/bus.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { randomIds } from "#nervous-system/schemas/ids.ts";
import { createRegistry } from "#nervous-system/telemetry/metrics.ts";
import { createSiphonMetrics } from "#pipeline/siphon/measure.ts";
import { runSink } from "#pipeline/siphon/run-sink.ts";
import type { Sink } from "#pipeline/siphon/sink.ts";
import { sinks, siphonSettings } from "#pipeline/siphon/sinks.ts";
import { programSettings, report } from "../harness/program.ts";

type Settings = { natsUrl: string; sinks: string[]; env: Record<string, string> };
type Written = { frames: number; atMs: number };

const { natsUrl: servers, sinks: wanted, env } = programSettings() as Settings;
const clock = systemClock();
const common = { log: silentLog, clock, random: Math.random };
const bus = await createBus({ ...common, servers, name: "bench", ids: randomIds() });
const began = clock.monotonicMs();

/** Tells when which batch was in the store. */
const watched = (sink: Sink, written: Written[]): Sink => ({
  ...sink,
  write: async (batch, signal) => {
    const result = await sink.write(batch, signal);
    if (result.kind === "written") written.push({ frames: batch.frames.length, atMs: clock.monotonicMs() - began });
    else process.stderr.write(`${JSON.stringify(result)}\n`);
    return result;
  },
});

const stopping = new AbortController();
const fed = await Promise.all(
  sinks
    .filter(({ name }) => wanted.includes(name))
    .map(async (kind) => {
      const sink = await kind.create(siphonSettings.parse(env), { clock, random: Math.random, log: silentLog });
      if (sink === undefined) throw new Error(`the settings name no store for ${kind.name}`);
      const written: Written[] = [];
      const metrics = createSiphonMetrics(createRegistry());
      const options = { ...common, kind, sink: watched(sink, written), bus, metrics, onTrouble: () => undefined };
      return { name: kind.name, sink, written, loop: runSink(options, stopping.signal) };
    }),
);

const state = await bus.streamState();
const isDone = async (): Promise<boolean> => {
  const marks = await bus.trim.watermarks(state);
  return wanted.every((name) => (marks.get(name) ?? 0) >= state.lastSeq);
};
while (!(await isDone())) await clock.sleep(50);
stopping.abort(new Error("done"));
await Promise.all(fed.map(({ loop }) => loop));
await Promise.all(fed.map(({ sink }) => sink.close()));
await bus.close();

/** Without the last batch, which waits for company that never comes. */
const rateOf = (written: readonly Written[]): number => {
  const counted = written.length > 1 ? written.slice(0, -1) : written;
  return counted.reduce((sum, { frames }) => sum + frames, 0) / ((counted.at(-1)?.atMs ?? 0) / 1_000);
};
const rates = Object.fromEntries(fed.map(({ name, written }) => [`${name}PerSecond`, rateOf(written)]));
report({ ...rates, perSecond: Math.min(...Object.values(rates)) });
process.exit();
