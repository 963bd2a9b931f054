import type { KubeObject } from "#nervous-system/kubernetes/resource-kind.ts";
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
