import type { Access } from "#nervous-system/kubernetes/access.ts";
import { eventAccess } from "#nervous-system/kubernetes/events.ts";
import { leaseAccess } from "#nervous-system/kubernetes/lease.ts";
import { agentAccess, agentClusterAccess } from "#operator/agent/controller.ts";
import { cacheClusterAccess, cacheReleaseAccess, cacheTenantAccess } from "#operator/caches.ts";
import { interventionAccess, interventionClusterAccess } from "#operator/intervention/controller.ts";
import { missionAccess, missionClusterAccess } from "#operator/mission/controller.ts";
import { modelClusterAccess } from "#operator/model/controller.ts";
import { personaClusterAccess } from "#operator/persona/controller.ts";

/*
 * Every right of the operator, and where it has it: its roles are generated from these. In the whole cluster it has none but on our
 * own kinds, and nowhere one on Secrets.
 */

/** What the operator may do in the whole cluster. */
export const operatorClusterAccess: readonly Access[] = [
  ...cacheClusterAccess,
  ...missionClusterAccess,
  ...agentClusterAccess,
  ...modelClusterAccess,
  ...personaClusterAccess,
  ...interventionClusterAccess,
];

/** What it may do in each tenant's namespace. */
export const operatorTenantAccess: readonly Access[] = [
  ...cacheTenantAccess,
  ...missionAccess,
  ...agentAccess,
  ...interventionAccess,
  ...eventAccess,
];

/** What it may do in the release's namespace. */
export const operatorReleaseAccess: readonly Access[] = [...cacheReleaseAccess, ...leaseAccess];
