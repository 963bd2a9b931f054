import type { Registry } from "prom-client";
import { createMetrics, type Metrics } from "#nervous-system/telemetry/metrics.ts";

const keys = [
  "framesStored",
  "framesRefused",
  "exportsRefused",
  "spansForwarded",
  "spansMoved",
  "spansLost",
  "blobsRefused",
  "connectionsCut",
] as const;

/** What a collector counts. */
export type CollectorMetrics = Metrics<(typeof keys)[number]>;

/** Registers the collector's metrics. */
export const createCollectorMetrics = (registry: Registry): CollectorMetrics => createMetrics(registry, keys);
