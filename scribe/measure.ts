import type { Recording } from "#nervous-system/recorder/recording.ts";
import { startHealthServer } from "#nervous-system/comms/http/health-server.ts";
import type { HttpServer } from "#nervous-system/comms/http/serve.ts";
import { MAX_POD_CONNECTIONS } from "#nervous-system/comms/socket/listen.ts";
import type { Tally } from "./tally.ts";
import { createMetrics, createRegistry, type Metrics } from "#nervous-system/telemetry/metrics.ts";

const keys = [
  "scribeWritten",
  "scribeStored",
  "scribeSettled",
  "scribeFrames",
  "scribeWithheld",
  "scribeLogBytes",
  "scribeLogSegments",
  "scribeStalled",
  "scribeExportFailing",
  "scribeRefused",
  "scribeSpansLost",
] as const;

type ScribeMetrics = Metrics<(typeof keys)[number]>;

/** What a scribe shows of itself. */
export type ScribeHealth = {
  /** Counts a refused frame. */
  onRefused(code: string): void;
  server: HttpServer;
};

/** What is shown: the recording, what passed, and how many exports of spans were lost. */
export type ScribeHealthOptions = {
  port: number;
  recording: Pick<Recording, "marks" | "health">;
  tally: Pick<Tally, "frames" | "withheld">;
  spansLost: () => number;
};

const stalls = ["full", "noSpace", "diskError"] as const;

/** Counters that are counted elsewhere. */
const readTally = (metrics: ScribeMetrics, tally: ScribeHealthOptions["tally"]): void => {
  metrics.scribeFrames.reset();
  for (const [mouth, count] of tally.frames()) metrics.scribeFrames.inc({ mouth }, count);
  metrics.scribeWithheld.reset();
  metrics.scribeWithheld.inc(tally.withheld());
};

const readInto = (metrics: ScribeMetrics, { recording, spansLost, tally }: ScribeHealthOptions): void => {
  const { written, stored, settled } = recording.marks();
  const { wal, exporting } = recording.health();
  metrics.scribeWritten.set(written);
  metrics.scribeStored.set(stored);
  metrics.scribeSettled.set(settled);
  readTally(metrics, tally);
  metrics.scribeLogBytes.set(wal.bytes);
  metrics.scribeLogSegments.set(wal.segments);
  for (const reason of stalls) metrics.scribeStalled.set({ reason }, wal.stall?.reason === reason ? 1 : 0);
  metrics.scribeExportFailing.set(exporting.failing === undefined ? 0 : 1);
  metrics.scribeSpansLost.set(spansLost());
};

/** Serves metrics and health: numbers only, read when they are asked for. Ready means that frames are taken at once. */
export const startScribeHealth = async (options: ScribeHealthOptions): Promise<ScribeHealth> => {
  const registry = createRegistry();
  const metrics = createMetrics(registry, keys);
  const whole = registry.metrics.bind(registry);
  registry.metrics = () => {
    readInto(metrics, options);
    return whole();
  };
  const server = await startHealthServer({
    port: options.port,
    maxConnections: MAX_POD_CONNECTIONS,
    registry,
    unready: () => {
      const { stall } = options.recording.health().wal;
      return stall === undefined ? [] : [stall.message];
    },
  });
  return { onRefused: (code) => metrics.scribeRefused.inc({ code }), server };
};
