import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import type { Access } from "#nervous-system/kubernetes/access.ts";
import {
  createInformer,
  informerAccess,
  type Informer,
  type InformerOptions,
} from "#nervous-system/kubernetes/informer.ts";
import { createNamespacedInformer, type NamespacedInformer } from "#nervous-system/kubernetes/namespaced-informer.ts";
import { pods, type Pod } from "#nervous-system/kubernetes/kinds.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import type { ReflectorEnd } from "#nervous-system/kubernetes/reflector-decision.ts";
import { controllerOf, keyOf, type KubeObject, type ResourceKind } from "#nervous-system/kubernetes/resource-kind.ts";
import {
  agents,
  interventions,
  missions,
  models,
  personas,
  type Agent,
  type Intervention,
  type Mission,
  type Model,
  type Persona,
} from "#nervous-system/kubernetes/swarm-kinds.ts";
import { label } from "#nervous-system/schemas/names.ts";
import { services, type Service } from "#operator/pod/names.ts";

/** Index of children by the UID of their controlling owner. */
export const byOwner = "owner";
/** Index of objects by their own UID. */
export const byUid = "uid";
/** Index of missions by the key of a Model that their team names. */
export const byModel = "model";
/** Index of missions and agents by the key of a Persona that they name. */
export const byPersona = "persona";

/** Index of Interventions by the key of the mission that they name. */
export const byMission = "mission";

/** What the operator keeps of the API server. */
export type Caches = {
  missions: Informer<Mission>;
  agents: Informer<Agent>;
  models: Informer<Model>;
  personas: Informer<Persona>;
  interventions: Informer<Intervention>;
  /** Pods that the operator made, in the tenants' namespaces. */
  pods: NamespacedInformer<Pod>;
  /** Services of the release's namespace. */
  services: Informer<Service>;
};

/** What the caches are made of. */
export type CacheOptions = {
  client: Pick<KubeClient, "list" | "watch">;
  /** Where collector and gateway are. */
  releaseNamespace: string;
  /** Namespaces that run missions. */
  tenants: readonly string[];
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Log;
  /** Told how each list and watch of a kind ended. */
  onEndOf(kind: ResourceKind): (end: ReflectorEnd) => void;
};

/** What the caches need in the whole cluster: a mission is told where nobody works on it. */
export const cacheClusterAccess: readonly Access[] = [missions, agents, models, personas, interventions].flatMap(
  (kind) => [...informerAccess(kind)],
);

/** What the caches need in each tenant's namespace. */
export const cacheTenantAccess: readonly Access[] = [...informerAccess(pods)];

/** What the caches need in the release's namespace. */
export const cacheReleaseAccess: readonly Access[] = [...informerAccess(services)];

const ownerUid = (object: KubeObject): string[] => {
  const owner = controllerOf(object);
  return owner === undefined ? [] : [owner.uid];
};

const modelKeys = ({ metadata, spec }: Mission): string[] =>
  spec.team.map(({ modelRef }) => keyOf({ namespace: metadata.namespace, name: modelRef.name }));

const personaKeys = ({ metadata, spec }: Mission): string[] =>
  spec.team.flatMap(({ personaRef }) =>
    personaRef === undefined ? [] : [keyOf({ namespace: metadata.namespace, name: personaRef.name })],
  );

const ownPersona = ({ metadata, spec }: Agent): string[] =>
  spec.persona === undefined ? [] : [keyOf({ namespace: metadata.namespace, name: spec.persona.name })];

/** Key of the mission that an Intervention names. */
export const missionKey = ({ metadata, spec }: Intervention): string =>
  keyOf({ namespace: metadata.namespace, name: spec.missionRef.name });

const ownUid = ({ metadata }: KubeObject): string[] => [metadata.uid];

/** Creates the informers; the manager runs them. */
export const createCaches = ({ releaseNamespace, tenants, onEndOf, ...shared }: CacheOptions): Caches => {
  const follow = <T extends KubeObject>(
    kind: ResourceKind<T>,
    more: Pick<InformerOptions<T>, "selection" | "indexers"> = {},
  ): Informer<T> => createInformer<T>({ ...shared, kind, onEnd: onEndOf(kind), ...more });
  return {
    missions: follow(missions, { indexers: { [byModel]: modelKeys, [byPersona]: personaKeys, [byUid]: ownUid } }),
    agents: follow(agents, { indexers: { [byOwner]: ownerUid, [byPersona]: ownPersona, [byUid]: ownUid } }),
    models: follow(models),
    personas: follow(personas),
    interventions: follow(interventions, { indexers: { [byMission]: (act) => [missionKey(act)] } }),
    pods: createNamespacedInformer({
      ...shared,
      kind: pods,
      namespaces: tenants,
      onEnd: onEndOf(pods),
      selection: { labelSelector: label.mission },
      indexers: { [byOwner]: ownerUid },
    }),
    services: follow(services, { selection: { namespace: releaseNamespace } }),
  };
};
