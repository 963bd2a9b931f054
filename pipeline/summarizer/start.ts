import { join } from "node:path";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import { startHealthServer } from "#nervous-system/comms/http/health-server.ts";
import { startComponentRecorder } from "#nervous-system/recorder/component.ts";
import { readRecorderOptions } from "#nervous-system/recorder/component-settings.ts";
import type { Ids } from "#nervous-system/schemas/ids.ts";
import { createMetrics, createProcessRegistry } from "#nervous-system/telemetry/metrics.ts";
import type { PartEnvironment } from "#pipeline/environment.ts";
import { runSummarizer } from "#pipeline/summarizer/run-summarizer.ts";
import type { SummarizerSettings } from "#pipeline/summarizer/settings.ts";

/** What the summarizer gets from the process that it runs in. */
export type SummarizerEnvironment = PartEnvironment & {
  readonly settings: SummarizerSettings;
  readonly ids: Ids;
  /** Connects to NATS, however long that takes. */
  readonly connectBus: () => Promise<Bus>;
};

/** A running summarizer. */
export type Summarizer = {
  readonly healthPort: number;
  /** Stops reading and hands over what is in the log, within `graceMs`. */
  stop(graceMs: number): Promise<void>;
};

/** Starts the summarizer; it is ready once it reads the stream. */
export const startSummarizer = async (environment: SummarizerEnvironment): Promise<Summarizer> => {
  const { settings, clock, random, log, healthPort } = environment;
  const registry = createProcessRegistry();
  const metrics = createMetrics(registry, ["lessonsWritten"]);
  const recorder = await readRecorderOptions(settings);
  const record = await startComponentRecorder({ ...environment, ...recorder, component: "siphon" });
  let trouble: string | undefined = "the stream is not read yet";
  const unready = (): readonly string[] => (trouble === undefined ? [] : [trouble]);
  const health = await startHealthServer({ port: healthPort, registry, unready });
  const bus = await environment.connectBus();
  const stopping = new AbortController();
  const running = runSummarizer(
    {
      bus,
      record,
      directory: join(settings.ENCHANTED_WAL_DIR, "stories"),
      clock,
      random,
      log,
      onTrouble: (reason) => void (trouble = reason),
      onLesson: () => metrics.lessonsWritten.inc(),
    },
    stopping.signal,
  );
  return {
    healthPort: health.port,
    stop: async (graceMs) => {
      stopping.abort(new Error("it is stopped"));
      await running;
      await bus.close();
      await record.close(graceMs);
      await health.close();
    },
  };
};
