import type { Pod } from "#nervous-system/kubernetes/kinds.ts";
import { controllerReference, type KubeObject, type ObjectMeta } from "#nervous-system/kubernetes/resource-kind.ts";
import { label, observeFinalizer } from "#nervous-system/schemas/names.ts";
import { anAgent } from "#test/builders/agent.ts";
import { aMetadata } from "#test/builders/metadata.ts";
import type { PodStatus } from "#test/builders/pod-status.ts";

/** The pod of an attempt of `fix-bug-coder`, as a kubelet reports it. */
export const aPod = (
  given: {
    attempt?: number;
    owner?: KubeObject;
    spec?: Pod["spec"];
    status?: PodStatus;
    metadata?: Partial<ObjectMeta>;
  } = {},
): Pod => {
  const { attempt = 1, owner = anAgent() } = given;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: aMetadata("Pod", given.metadata?.name ?? `${owner.metadata.name}-${attempt}`, {
      labels: { [label.mission]: "fix-bug", [label.agent]: owner.metadata.name, [label.attempt]: String(attempt) },
      finalizers: [observeFinalizer],
      ownerReferences: [controllerReference(owner)],
      ...given.metadata,
    }),
    spec: { containers: [], ...given.spec, nodeName: "node-1" },
    status: given.status ?? { phase: "Pending" },
  };
};
