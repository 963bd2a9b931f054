import type { Registry } from "prom-client";
import { createMetrics, type Metrics } from "#nervous-system/telemetry/metrics.ts";

const keys = ["sinkFrames", "sinkBatches", "sinkPoison", "sinkWatermark"] as const;

/** What a siphon counts. */
export type SiphonMetrics = Metrics<(typeof keys)[number]>;

/** Registers the siphon's metrics. */
export const createSiphonMetrics = (registry: Registry): SiphonMetrics => createMetrics(registry, keys);
