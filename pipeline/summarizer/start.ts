import { join } from "node:path";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import { startHealthServer } from "#nervous-system/comms/http/health-server.ts";
import { startComponentRecorder } from "#nervous-system/recorder/component.ts";
import { readRecorderOptions } from "#nervous-system/recorder/component-settings.ts";
import type { Ids } from "#nervous-system/schemas/ids.ts";
import { createMetrics, createProcessRegistry } from "#nervous-system/telemetry/metrics.ts";
import type { PartEnvironment } from "#pipeline/environment.ts";
import { runSummarizer } from "#pipeline/summarizer/run-summarizer.ts";
import { readSummaryModel, type SummarizerSettings } from "#pipeline/summarizer/settings.ts";
import { createSummariser, extractive, type SummariserOptions } from "#pipeline/summarizer/summarise.ts";

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
  const metrics = createMetrics(registry, ["lessonsWritten", "summaryCalls", "summaryTokens"]);
  const onCall: SummariserOptions["onCall"] = (result, { inputTokens = 0, outputTokens = 0 }) => {
    metrics.summaryCalls.inc({ result });
    metrics.summaryTokens.inc({ direction: "input" }, inputTokens);
    metrics.summaryTokens.inc({ direction: "output" }, outputTokens);
  };
  const model = await readSummaryModel(settings, clock);
  const { SUMMARY_CALLS_PER_HOUR: callsPerHour } = settings;
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
      summarise:
        model === undefined ? extractive : createSummariser({ model, callsPerHour, clock, random, log, onCall }),
      onTrouble: (reason) => void (trouble = reason),
      onLesson: (by) => metrics.lessonsWritten.inc({ by }),
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
