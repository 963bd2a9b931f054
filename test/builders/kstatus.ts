import type { KubeObject } from "#nervous-system/kubernetes/resource-kind.ts";
import type { Condition } from "#nervous-system/schemas/resources/status-parts.ts";

/** What Flux, kpt and other GitOps tools take an object for. */
export type Kstatus = "Terminating" | "InProgress" | "Failed" | "Current";

type Looked = Pick<KubeObject, "metadata"> & {
  status?: { observedGeneration?: number | undefined; conditions?: readonly Condition[] | undefined } | undefined;
};

const conditionRules = [
  { type: "Reconciling", status: "True", means: "InProgress" },
  { type: "Stalled", status: "True", means: "Failed" },
  { type: "Ready", status: "False", means: "InProgress" },
  { type: "Ready", status: "Unknown", means: "InProgress" },
] as const;

/**
 * The rules of kstatus for kinds that it does not know (sigs.k8s.io/cli-utils, pkg/kstatus): deletion, then the generation,
 * then `Reconciling`, `Stalled` and `Ready`; whoever says nothing at all is taken for done.
 */
export const kstatusOf = ({ metadata, status }: Looked): Kstatus => {
  if (metadata.deletionTimestamp !== undefined) return "Terminating";
  const observed = status?.observedGeneration;
  if (observed !== undefined && observed !== metadata.generation) return "InProgress";
  const told = conditionRules.find((rule) =>
    status?.conditions?.some(({ type, status: is }) => type === rule.type && is === rule.status),
  );
  return told?.means ?? "Current";
};
