import type { RecordResult } from "#nervous-system/recorder/recorder.ts";
import type { Redactor } from "#nervous-system/recorder/redact.ts";
import type { Recording } from "#nervous-system/recorder/recording.ts";
import { startHealthServer } from "#nervous-system/comms/http/health-server.ts";
import type { HttpServer } from "#nervous-system/comms/http/serve.ts";
import { MAX_POD_CONNECTIONS } from "#nervous-system/comms/socket/listen.ts";
import { createMetrics, createCountingRegistry, type Metrics } from "#nervous-system/telemetry/metrics.ts";
import type { FrameRecorder } from "./inputs/frame-encodings.ts";

/** Counts what passes, for whoever asks. */
export type FrameCounters = {
  /** The same recorder, counting what is written through it as of `input`. */
  through(input: string, recorder: FrameRecorder): FrameRecorder;
  /** The same redactor, counting the frames that something is withheld of. */
  withholding(redactor: Redactor): Redactor;
  frames(): ReadonlyMap<string, number>;
  withheld(): number;
};

/** Creates counters at nothing. */
export const createFrameCounters = (): FrameCounters => {
  const frames = new Map<string, number>();
  let withheld = 0;
  return {
    through: (input, recorder) => {
      frames.set(input, 0);
      const count = async (written: Promise<RecordResult>): Promise<RecordResult> => {
        const result = await written;
        if (result.ok) frames.set(input, (frames.get(input) ?? 0) + 1);
        return result;
      };
      return {
        record: (frame, how) => count(recorder.record(frame, how)),
        recordLine: (line, how) => count(recorder.recordLine(line, how)),
      };
    },
    withholding: (redactor) => ({
      ...redactor,
      redact: (frame) => {
        const result = redactor.redact(frame);
        if (result.withheld) withheld += 1;
        return result;
      },
    }),
    frames: () => frames,
    withheld: () => withheld,
  };
};

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
type ScribeHealthOptions = {
  port: number;
  /** See `Place`. */
  reusePort?: boolean;
  recording: Pick<Recording, "marks" | "health">;
  counters: Pick<FrameCounters, "frames" | "withheld">;
  spansLost: () => number;
};

const stalls = ["full", "noSpace", "diskError"] as const;

/** Counters that are counted elsewhere. */
const readCounters = (metrics: ScribeMetrics, counters: ScribeHealthOptions["counters"]): void => {
  metrics.scribeFrames.reset();
  for (const [input, count] of counters.frames()) metrics.scribeFrames.inc({ input }, count);
  metrics.scribeWithheld.reset();
  metrics.scribeWithheld.inc(counters.withheld());
};

const readInto = (metrics: ScribeMetrics, { recording, spansLost, counters }: ScribeHealthOptions): void => {
  const { written, stored, settled } = recording.marks();
  const { wal, exporting } = recording.health();
  metrics.scribeWritten.set(written);
  metrics.scribeStored.set(stored);
  metrics.scribeSettled.set(settled);
  readCounters(metrics, counters);
  metrics.scribeLogBytes.set(wal.bytes);
  metrics.scribeLogSegments.set(wal.segments);
  for (const reason of stalls) metrics.scribeStalled.set({ reason }, wal.stall?.reason === reason ? 1 : 0);
  metrics.scribeExportFailing.set(exporting.failing === undefined ? 0 : 1);
  metrics.scribeSpansLost.set(spansLost());
};

/** Serves metrics and health: numbers only, read when they are asked for. Ready means that frames are taken at once. */
export const startScribeHealth = async (options: ScribeHealthOptions): Promise<ScribeHealth> => {
  const registry = createCountingRegistry();
  const metrics = createMetrics(registry, keys);
  const whole = registry.metrics.bind(registry);
  registry.metrics = () => {
    readInto(metrics, options);
    return whole();
  };
  const server = await startHealthServer({
    port: options.port,
    reusePort: options.reusePort,
    maxConnections: MAX_POD_CONNECTIONS,
    registry,
    unready: () => {
      const { stall } = options.recording.health().wal;
      return stall === undefined ? [] : [stall.message];
    },
  });
  return { onRefused: (code) => metrics.scribeRefused.inc({ code }), server };
};
