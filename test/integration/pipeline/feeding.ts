import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import type { SiphonMetrics } from "#pipeline/siphon/measure.ts";
import { runSink } from "#pipeline/siphon/run-sink.ts";
import type { Sink, SinkLimits } from "#pipeline/siphon/sink.ts";

/** What feeds a sink in a test. */
export type FeedOptions = {
  readonly name: string;
  readonly sink: Sink;
  readonly bus: Bus;
  readonly metrics: SiphonMetrics;
  readonly limits?: Partial<SinkLimits>;
  readonly onTrouble?: (reason: string | undefined) => void;
};

/** Feeds a sink as the siphon does, in small batches; `stop` ends that and closes the sink. */
export const feedSink = ({ name, sink, bus, metrics, limits, onTrouble }: FeedOptions): { stop(): Promise<void> } => {
  const stopping = new AbortController();
  const running = runSink(
    {
      kind: { name, limits: { maxFrames: 64, maxBytes: 1 << 20, lingerMs: 20, ackWaitMs: 60_000, ...limits } },
      sink,
      bus,
      clock: systemClock(),
      random: () => 0.01,
      metrics,
      log: silentLog,
      onTrouble: (reason) => onTrouble?.(reason),
    },
    stopping.signal,
  );
  return {
    stop: async () => {
      stopping.abort(new Error("stopped"));
      await running;
      await sink.close();
    },
  };
};

/** A sink that stops answering at a chosen step, as a process that is killed there. */
export const dyingSink = (
  sink: Sink,
  dieAt: (batch: number) => "before" | "after" | undefined,
): Sink & { died: Promise<void> } => {
  const dead = Promise.withResolvers<void>();
  let batches = 0;
  const die = (signal: AbortSignal): Promise<never> => {
    dead.resolve();
    return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  };
  return {
    ...sink,
    died: dead.promise,
    write: async (batch, signal) => {
      const when = dieAt((batches += 1));
      if (when === "before") return die(signal);
      const result = await sink.write(batch, signal);
      return when === "after" ? die(signal) : result;
    },
  };
};
