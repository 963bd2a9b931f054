import { informerAccess, type Informer } from "#nervous-system/kubernetes/informer.ts";
import { accessTo } from "#nervous-system/kubernetes/access.ts";
import { secrets, type Secret } from "#nervous-system/kubernetes/kinds.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { keyOf } from "#nervous-system/kubernetes/resource-kind.ts";
import {
  agents,
  missions,
  models,
  type Agent,
  type Mission,
  type Model,
} from "#nervous-system/kubernetes/swarm-kinds.ts";
import { tokenReviewAccess } from "#nervous-system/kubernetes/reviews.ts";

type Ref = { readonly namespace: string; readonly name: string };

/** What the gateway reads of the cluster: the swarm's objects from caches, Secrets live and one at a time. */
export type ClusterView = {
  agent(ref: Ref): Agent | undefined;
  /** Past the cache: for a pod so new that the cache may not know it. */
  agentNow(ref: Ref): Promise<Agent | undefined>;
  mission(ref: Ref): Mission | undefined;
  missionNow(ref: Ref): Promise<Mission | undefined>;
  model(ref: Ref): Model | undefined;
  secret(ref: Ref): Promise<Secret | undefined>;
};

/** What the gateway needs in the whole cluster. */
export const gatewayClusterAccess = [
  ...tokenReviewAccess,
  ...informerAccess(agents),
  ...informerAccess(missions),
  ...informerAccess(models),
];

/** What the gateway needs in each namespace where missions run. */
export const gatewayTenantAccess = [accessTo(secrets, ["get"])];

/** The caches that the view reads. */
export type ClusterCaches = {
  readonly agents: Pick<Informer<Agent>, "get">;
  readonly missions: Pick<Informer<Mission>, "get">;
  readonly models: Pick<Informer<Model>, "get">;
};

/** Creates the view. */
export const createClusterView = (client: Pick<KubeClient, "find">, caches: ClusterCaches): ClusterView => ({
  agent: (ref) => caches.agents.get(keyOf(ref)),
  agentNow: (ref) => client.find(agents, ref),
  mission: (ref) => caches.missions.get(keyOf(ref)),
  missionNow: (ref) => client.find(missions, ref),
  model: (ref) => caches.models.get(keyOf(ref)),
  secret: (ref) => client.find(secrets, ref),
});
