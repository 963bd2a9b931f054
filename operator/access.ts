import type { Access } from "#nervous-system/kubernetes/access.ts";
import { eventAccess } from "#nervous-system/kubernetes/events.ts";
import { leaseAccess } from "#nervous-system/kubernetes/lease.ts";
import { agentAccess } from "#operator/agent/controller.ts";
import { cacheAccess } from "#operator/caches.ts";
import { missionAccess } from "#operator/mission/controller.ts";
import { modelAccess } from "#operator/model/controller.ts";

/** Every right of the operator: its ClusterRole is generated from this. There is no right on Secrets. */
export const operatorAccess: readonly Access[] = [
  ...cacheAccess,
  ...missionAccess,
  ...agentAccess,
  ...modelAccess,
  ...eventAccess,
  ...leaseAccess,
];
