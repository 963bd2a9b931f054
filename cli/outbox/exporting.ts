import { toGrpcFailure, type GrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import { exportMetrics } from "#nervous-system/comms/grpc/methods.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { createExporter } from "#nervous-system/recorder/exporter.ts";
import { sendSpansTo } from "#scribe/inputs/otlp-ports.ts";
import { createSpanQueue } from "#scribe/inputs/span-queue.ts";
import type { Host } from "../host.ts";
import { connectCollector } from "../server/connect.ts";
import type { ServerSettings } from "../server/settings.ts";
import { countTaken, type Taken } from "./count-taken.ts";
import { identityOf, listLeftovers, outboxOf, type Leftover } from "./outbox.ts";
import { randomOf, type OutgoingLog } from "./outgoing-log.ts";
import { sendLeftover } from "./send-leftover.ts";

/** The way of this run's frames to the collector, with its spans and metrics beside them. */
export type Exporting = {
  /** Resolves true once every frame is stored, false after `limitMs`. */
  drain(limitMs: number): Promise<boolean>;
  marks(): { written: number; stored: number };
  taken(): Taken;
  failure(): GrpcFailure | undefined;
  passSpans(request: Buffer): void;
  passMetrics(request: Buffer): void;
  /** Ends everything within about `limitMs`; spans and metrics that are left are lost. */
  close(limitMs: number): Promise<void>;
};

/** What exporting needs. */
type ExportingOptions = { host: Host; server: ServerSettings; leftover: Leftover; log: OutgoingLog };

const METRICS_MS = 15_000;
const PATIENCE_MS = 10_000;

/** Sends what earlier runs left, once the collector has answered this one. */
const sendOthers = async ({ host, server, leftover }: ExportingOptions, signal: AbortSignal): Promise<void> => {
  for (const other of await listLeftovers(outboxOf(host))) {
    const isOurs = other.run.collector === server.address && other.directory !== leftover.directory;
    if (signal.aborted) return;
    if (isOurs) await sendLeftover(host, server, other, { patienceMs: PATIENCE_MS, signal });
  }
};

/** Begins to send. */
export const startExporting = (options: ExportingOptions): Exporting => {
  const { host, server, leftover, log } = options;
  const { client, uplink: own, failure } = connectCollector(host, server);
  const { uplink, taken } = countTaken(own);
  const stop = new AbortController();
  const random = randomOf(host);
  let others: Promise<void> | undefined;
  const exporter = createExporter({
    // In a fresh log of one epoch an index is a sequence number.
    recorder: {
      identity: identityOf(leftover.run),
      epoch: 1,
      written: () => ({ seq: log.wal.stats().written, hash: "" }),
    },
    wal: log.wal,
    uplink,
    clock: host.clock,
    random,
    log: silentLog,
    onStored: () => {
      others ??= sendOthers(options, stop.signal).catch(() => undefined); // they stay where they are
    },
  });
  const running = exporter.run(stop.signal);
  const spans = createSpanQueue({ send: sendSpansTo(client), clock: host.clock, random });
  const metrics = createSpanQueue({
    send: async (request, signal) => {
      await client.unary(exportMetrics, request, { deadlineMs: METRICS_MS, signal }).catch((error: unknown) => {
        throw toGrpcFailure(error);
      });
      return true;
    },
    clock: host.clock,
    random,
  });
  return {
    drain: (limitMs) => exporter.drain(limitMs),
    marks: () => ({ written: log.wal.stats().written, stored: exporter.state().stored?.seq ?? 0 }),
    taken,
    failure,
    passSpans: (request) => spans.push(request),
    passMetrics: (request) => metrics.push(request),
    close: async (limitMs) => {
      stop.abort();
      await Promise.all([running, others, spans.close(limitMs), metrics.close(limitMs)]);
      client.close();
    },
  };
};
