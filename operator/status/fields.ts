import type { UsageFold } from "#nervous-system/fold/state.ts";
import type { KubeObject } from "#nervous-system/kubernetes/resource-kind.ts";
import type { Usage } from "#nervous-system/schemas/resources/status-parts.ts";
import { renderUsd } from "#nervous-system/schemas/usd.ts";
import { annotation } from "#nervous-system/schemas/names.ts";

/** RFC 3339 to the second, as Kubernetes writes times. */
export const kubeTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** What an object asked for when its status was computed. */
type Observed = { observedGeneration: number; lastHandledReconcileAt?: string };

/** Which generation, and which request of a person to look again, a status answers. */
export const observedOf = ({ metadata }: KubeObject): Observed => {
  const requestedAt = metadata.annotations?.[annotation.requestedAt];
  return {
    observedGeneration: metadata.generation ?? 0,
    ...(requestedAt === undefined ? {} : { lastHandledReconcileAt: requestedAt.slice(0, 128) }),
  };
};

/**
 * Usage as it is told next: it only grows. What is heard of an object after its end, such as a merge, is all that an operator knows
 * which began to read behind that.
 */
export const usageAfter = (before: Usage | undefined, folded: UsageFold | undefined): Usage | undefined => {
  if (folded === undefined || folded.frames < (before?.frames ?? 0)) return before;
  const { nanoUsd, ...counted } = folded;
  return { ...counted, ...(nanoUsd === undefined ? {} : { costUSD: renderUsd(nanoUsd) }) };
};
