import type { Pod } from "#nervous-system/kubernetes/kinds.ts";
import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { PodConfig } from "#operator/pod/config.ts";

// Of the members below, as the API server holds them, none is there and undefined.
type Placement = Partial<NonNullable<Pod["spec"]>>;

/** The configuration of a mission's pods: what they may use is its own where it says so. */
export const configOf = (config: PodConfig, { spec }: Mission): PodConfig => {
  const resources = spec.template?.pod?.resources;
  return resources === undefined ? config : { ...config, agentResources: resources as PodConfig["agentResources"] };
};

/** Where a mission's pods run, and with whose credentials their images are fetched. */
export const placementOf = ({ spec }: Mission): Placement => {
  const { resources: _, ...placement } = spec.template?.pod ?? {};
  return placement as Placement;
};

/** What tells autoscalers whether they may end a mission's pods; without a word some take pods with local volumes for fixed. */
export const evictionOf = ({ spec }: Mission): Record<string, string> =>
  spec.template?.disruption === "Avoid"
    ? { "cluster-autoscaler.kubernetes.io/safe-to-evict": "false", "karpenter.sh/do-not-disrupt": "true" }
    : { "cluster-autoscaler.kubernetes.io/safe-to-evict": "true" };
