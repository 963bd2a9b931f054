import type { Registry } from "prom-client";
import { createMetrics, type Metrics } from "#nervous-system/telemetry/metrics.ts";

const keys = ["questionSeconds", "questionRows", "connectionsCut"] as const;

/** What a reader counts. */
export type ReaderMetrics = Metrics<(typeof keys)[number]>;

/** Registers the reader's metrics. */
export const createReaderMetrics = (registry: Registry): ReaderMetrics => createMetrics(registry, keys);
