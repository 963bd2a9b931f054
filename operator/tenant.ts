import type { KubeObject } from "#nervous-system/kubernetes/resource-kind.ts";
import type { Caches } from "#operator/caches.ts";

/** Whether the operator may act in the namespace: it is one of the release's tenants, and its Role is there. */
export const isTenant = (caches: Pick<Caches, "pods">, namespace: string | undefined): boolean =>
  namespace !== undefined && caches.pods.follows(namespace);

/** What a mission or a Model is told where nobody works on it. */
export const notTenantMessage = ({ metadata }: Pick<KubeObject, "metadata">): string =>
  `Namespace "${metadata.namespace ?? ""}" runs no missions of this release: add it to the chart's value \`tenants\`.`;
