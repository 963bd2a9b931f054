import { accessTo, type Access } from "#nervous-system/kubernetes/access.ts";
import { networkPolicies } from "#nervous-system/kubernetes/kinds.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import type { NetworkView, Release } from "#operator/pod/confinement.ts";

/** The right to read what confines pods. */
export const networkAccess: readonly Access[] = [accessTo(networkPolicies, ["list"])];

/** Reads what confines the pods of a namespace, live: a cache could hold a policy that is gone. */
export const observeNetwork = async (
  client: Pick<KubeClient, "list">,
  release: Release,
  namespace = "",
): Promise<NetworkView> => ({
  namespace,
  release,
  policies: (await client.list(networkPolicies, { namespace })).items,
});
