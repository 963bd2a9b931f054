import type { Registry } from "prom-client";
import { createMetrics, type Metrics } from "#nervous-system/telemetry/metrics.ts";

const keys = ["streamBytes", "streamLimitBytes", "streamHeldMessages", "streamTrimmed"] as const;

/** What a trimmer tells of the stream. */
export type TrimmerMetrics = Metrics<(typeof keys)[number]>;

/** Registers the trimmer's metrics. */
export const createTrimmerMetrics = (registry: Registry): TrimmerMetrics => createMetrics(registry, keys);
