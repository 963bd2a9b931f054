import { renderRules, type Access, type PolicyRule } from "#nervous-system/kubernetes/access.ts";
import { eventAccess } from "#nervous-system/kubernetes/events.ts";
import { leaseAccess } from "#nervous-system/kubernetes/lease.ts";
import { agentAccess } from "#operator/agent/controller.ts";
import { cacheAccess } from "#operator/caches.ts";
import { missionAccess } from "#operator/mission/controller.ts";
import { modelAccess } from "#operator/model/controller.ts";
import { gatewayClusterAccess, gatewayTenantAccess } from "#pipeline/gateway/cluster-view.ts";

/** What a component may do: in the whole cluster, in the release's namespace, and in each tenant's namespace. */
export type ComponentRights = { cluster?: readonly Access[]; release?: readonly Access[]; tenant?: readonly Access[] };

const isService = (access: Access): boolean => access.resource === "services";

/** The rights of every component, each declared beside the calls that use it. */
export const rights: Readonly<Record<string, ComponentRights>> = {
  operator: {
    cluster: [
      ...cacheAccess.filter((access) => !isService(access)),
      ...missionAccess,
      ...agentAccess,
      ...modelAccess,
      ...eventAccess,
    ],
    release: [...leaseAccess, ...cacheAccess.filter(isService)],
  },
  gateway: { cluster: gatewayClusterAccess, tenant: gatewayTenantAccess },
};

/** The rules of a component by scope, as the chart's roles take them. */
export const renderComponentRules = (component: ComponentRights): Record<string, PolicyRule[]> =>
  Object.fromEntries(Object.entries(component).map(([scope, access]) => [scope, renderRules(access)]));
