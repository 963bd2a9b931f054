import type { Registry } from "prom-client";
import { createMetrics, type Metrics } from "#nervous-system/telemetry/metrics.ts";

const keys = ["recordGap", "recordDuplicates", "recordFaults", "recordLagSeconds", "auditRound", "auditWalk"] as const;

/** What an auditor tells of the record. */
export type AuditorMetrics = Metrics<(typeof keys)[number]>;

/** Registers the auditor's metrics. */
export const createAuditorMetrics = (registry: Registry): AuditorMetrics => createMetrics(registry, keys);
