import type {
  CoreV1Event,
  V1ConfigMap,
  V1Lease,
  V1Namespace,
  V1NetworkPolicy,
  V1Pod,
  V1Secret,
  V1ServiceAccount,
} from "@kubernetes/client-node";
import type { KubeObject, ResourceKind } from "#nervous-system/kubernetes/resource-kind.ts";

/** A type of the generated client as it travels in JSON: times are strings. */
export type Json<T> = T extends Date ? string : T extends object ? { [K in keyof T]: Json<T[K]> } : T;

type Typed<V> = KubeObject & Json<Omit<V, "apiVersion" | "kind" | "metadata">>;

/** A Pod of the core API. */
export type Pod = Typed<V1Pod>;
/** Kind of Pods. */
export const pods: ResourceKind<Pod> = { group: "", version: "v1", plural: "pods", kind: "Pod", namespaced: true };

/** A ConfigMap of the core API. */
export type ConfigMap = Typed<V1ConfigMap>;
/** Kind of ConfigMaps. @internal Tests make such objects. */
export const configMaps: ResourceKind<ConfigMap> = {
  group: "",
  version: "v1",
  plural: "configmaps",
  kind: "ConfigMap",
  namespaced: true,
};

/** A Secret of the core API; the operator has no right to read any. */
export type Secret = Typed<V1Secret>;
/** Kind of Secrets. */
export const secrets: ResourceKind<Secret> = {
  group: "",
  version: "v1",
  plural: "secrets",
  kind: "Secret",
  namespaced: true,
};

/** A ServiceAccount of the core API. */
export type ServiceAccount = Typed<V1ServiceAccount>;
/** Kind of ServiceAccounts. @internal Tests make such objects. */
export const serviceAccounts: ResourceKind<ServiceAccount> = {
  group: "",
  version: "v1",
  plural: "serviceaccounts",
  kind: "ServiceAccount",
  namespaced: true,
};

/** A Namespace of the core API. */
export type Namespace = Typed<V1Namespace>;
/** Kind of Namespaces. @internal Tests make such objects. */
export const namespaces: ResourceKind<Namespace> = {
  group: "",
  version: "v1",
  plural: "namespaces",
  kind: "Namespace",
  namespaced: false,
};

/** A NetworkPolicy of networking.k8s.io. */
export type NetworkPolicy = Typed<V1NetworkPolicy>;
/** Kind of NetworkPolicies. */
export const networkPolicies: ResourceKind<NetworkPolicy> = {
  group: "networking.k8s.io",
  version: "v1",
  plural: "networkpolicies",
  kind: "NetworkPolicy",
  namespaced: true,
};

/** A Lease of coordination.k8s.io. */
export type Lease = Typed<V1Lease>;
/** Kind of Leases. */
export const leases: ResourceKind<Lease> = {
  group: "coordination.k8s.io",
  version: "v1",
  plural: "leases",
  kind: "Lease",
  namespaced: true,
};

/** An Event of events.k8s.io. */
export type KubeEvent = KubeObject & {
  eventTime: string;
  series?: { count: number; lastObservedTime: string } | undefined;
  /** Time of one that was written by the core API, as kubelets do; `eventTime` is null there. */
  deprecatedLastTimestamp?: string | undefined;
  reportingController: string;
  reportingInstance: string;
  action: string;
  reason: string;
  regarding: Json<NonNullable<CoreV1Event["involvedObject"]>>;
  note: string;
  type: "Normal" | "Warning";
};
/** Kind of Events. */
export const events: ResourceKind<KubeEvent> = {
  group: "events.k8s.io",
  version: "v1",
  plural: "events",
  kind: "Event",
  namespaced: true,
};
