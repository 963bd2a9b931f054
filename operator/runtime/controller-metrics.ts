import type { Registry } from "prom-client";
import type { WorkQueue, WorkQueueHooks } from "#nervous-system/kernel/work-queue.ts";
import { createMetrics, type MetricKey, type Metrics } from "#nervous-system/telemetry/metrics.ts";

const KEYS = [
  "reconcileTotal",
  "reconcileErrors",
  "reconcileSeconds",
  "maxConcurrentReconciles",
  "activeWorkers",
  "queueDepth",
  "queueAdds",
  "queueSeconds",
  "workSeconds",
  "unfinishedWorkSeconds",
  "longestRunningSeconds",
  "queueRetries",
] as const satisfies readonly MetricKey[];

/** Label value `result` of a reconciliation, as controller-runtime names them; `stalled` is ours. */
export type ReconcileResult = "success" | "requeue_after" | "stalled" | "error";

const RESULTS: readonly ReconcileResult[] = ["success", "requeue_after", "stalled", "error"];

/** The metrics of one controller. */
export type ControllerMetrics = {
  queueHooks: WorkQueueHooks;
  started(): void;
  finished(result: ReconcileResult, durationMs: number): void;
  /** Brings the gauges that change by themselves up to date; called before each scrape. */
  refresh(queue: Pick<WorkQueue<string>, "depth" | "runningMs">): void;
};

/** Registers the metrics that all controllers share; call once per registry. */
export const createControllerMetrics = (registry: Registry): Metrics<(typeof KEYS)[number]> =>
  createMetrics(registry, KEYS);

/** The metrics of the controller `name`. */
export const metricsOf = (
  metrics: ReturnType<typeof createControllerMetrics>,
  name: string,
  workers: number,
): ControllerMetrics => {
  metrics.maxConcurrentReconciles.set({ controller: name }, workers);
  // A series that exists from the start can be alerted on; one that appears with the first error cannot.
  metrics.activeWorkers.set({ controller: name }, 0);
  metrics.reconcileErrors.inc({ controller: name }, 0);
  for (const result of RESULTS) metrics.reconcileTotal.inc({ controller: name, result }, 0);
  return {
    queueHooks: {
      added: () => metrics.queueAdds.inc({ name }),
      taken: (ms) => metrics.queueSeconds.observe({ name }, ms / 1000),
      finished: (ms) => metrics.workSeconds.observe({ name }, ms / 1000),
      retried: () => metrics.queueRetries.inc({ name }),
    },
    started: () => metrics.activeWorkers.inc({ controller: name }),
    finished: (result, ms) => {
      metrics.activeWorkers.dec({ controller: name });
      metrics.reconcileTotal.inc({ controller: name, result });
      metrics.reconcileSeconds.observe({ controller: name }, ms / 1000);
      if (result === "error") metrics.reconcileErrors.inc({ controller: name });
    },
    refresh: (queue) => {
      const running = queue.runningMs();
      metrics.queueDepth.set({ name }, queue.depth());
      metrics.unfinishedWorkSeconds.set({ name }, running.reduce((sum, ms) => sum + ms, 0) / 1000);
      metrics.longestRunningSeconds.set({ name }, Math.max(0, ...running) / 1000);
    },
  };
};
