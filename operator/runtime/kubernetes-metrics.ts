import type { Registry } from "prom-client";
import type { Informer } from "#nervous-system/kubernetes/informer.ts";
import type { LeaderElector } from "#nervous-system/kubernetes/lease.ts";
import type { ReflectorEnd } from "#nervous-system/kubernetes/reflector-decision.ts";
import { type ResourceKind, resourceName } from "#nervous-system/kubernetes/resource-kind.ts";
import type { AnswerHook } from "#nervous-system/kubernetes/transport.ts";
import { createMetrics } from "#nervous-system/telemetry/metrics.ts";

/** The metrics of a process that follows the API server: its requests, its informers, its lease. */
export type KubernetesMetrics = {
  /** For the transport. */
  onAnswer: AnswerHook;
  /** For an informer of the kind. */
  onEndOf(kind: ResourceKind): (end: ReflectorEnd) => void;
  /** Brings the gauges that change by themselves up to date; called before each scrape. */
  refresh(now: {
    informers: readonly Pick<Informer, "kind" | "silenceMs">[];
    elector: Pick<LeaderElector, "isLeader">;
    leaseName: string;
  }): void;
};

/** Registers them; call once per registry. */
export const createKubernetesMetrics = (registry: Registry): KubernetesMetrics => {
  const metrics = createMetrics(registry, ["restRequests", "leaderStatus", "informerSilenceSeconds", "informerSteps"]);
  return {
    onAnswer: (answer) => metrics.restRequests.inc(answer),
    onEndOf: (kind) => {
      const resource = resourceName(kind);
      return ({ kind: end }) => metrics.informerSteps.inc({ resource, end });
    },
    refresh: ({ informers, elector, leaseName }) => {
      metrics.leaderStatus.set({ name: leaseName }, elector.isLeader() ? 1 : 0);
      for (const informer of informers) {
        metrics.informerSilenceSeconds.set({ resource: resourceName(informer.kind) }, informer.silenceMs() / 1000);
      }
    },
  };
};
