import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { accessTo, type Access } from "#nervous-system/kubernetes/access.ts";
import { isConflict, isForbidden, isNotFound } from "#nervous-system/kubernetes/errors.ts";
import { pods, type Pod } from "#nervous-system/kubernetes/kinds.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import type { KubeObject, ObjectMeta, ResourceKind } from "#nervous-system/kubernetes/resource-kind.ts";
import { agents, missions } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { isFinished } from "#nervous-system/schemas/conditions.ts";
import { label, observeFinalizer } from "#nervous-system/schemas/names.ts";

/** A Deployment, as far as its size goes. */
type Deployment = KubeObject & { spec: { replicas?: number } };
const deployments: ResourceKind<Deployment> = {
  group: "apps",
  version: "v1",
  plural: "deployments",
  kind: "Deployment",
  namespaced: true,
};

/** What taking the product out of a cluster needs to know. */
export type UninstallOptions = {
  client: Pick<KubeClient, "list" | "find" | "patch">;
  clock: Clock;
  log: Log;
  releaseNamespace: string;
  /** Namespaces that run missions. */
  tenants: readonly string[];
  /** How long agents and scribes get to end, in milliseconds. */
  drainMs: number;
};

/** Rights that it needs in the whole cluster. */
export const uninstallClusterAccess: readonly Access[] = [
  accessTo(missions, ["list", "get", "patch"]),
  accessTo(agents, ["list", "get", "patch"]),
];

/** Rights that it needs in each tenant's namespace. */
export const uninstallTenantAccess: readonly Access[] = [accessTo(pods, ["list", "get", "patch"])];

/** Rights that it needs in the release's namespace. */
export const uninstallReleaseAccess: readonly Access[] = [
  accessTo(deployments, ["get", "patch"]),
  accessTo(pods, ["list"]),
];

const pollMs = 500;
const operatorName = "enchanted-operator";
const operatorPods = "app.kubernetes.io/component=operator,app.kubernetes.io/part-of=enchanted-swarm";

const until = async (options: UninstallOptions, limitMs: number, holds: () => Promise<boolean>): Promise<boolean> => {
  const deadline = options.clock.monotonicMs() + limitMs;
  while (!(await holds())) {
    if (options.clock.monotonicMs() >= deadline) return false;
    await options.clock.sleep(pollMs);
  }
  return true;
};

/** Changes an object that others change too: reads it anew on a conflict, and is content when it is gone. */
const change = async <T extends KubeObject>(
  { client }: UninstallOptions,
  kind: ResourceKind<T>,
  object: T,
  patchOf: (object: T) => { readonly [field: string]: unknown } | undefined,
): Promise<void> => {
  let current: T | undefined = object;
  while (current !== undefined) {
    const patch = patchOf(current);
    if (patch === undefined) return;
    const { name, namespace, uid, resourceVersion }: ObjectMeta = current.metadata;
    try {
      await client.patch(kind, { name, namespace, uid, resourceVersion }, patch);
      return;
    } catch (error) {
      if (isNotFound(error)) return;
      if (!isConflict(error)) throw error;
    }
    current = await client.find(kind, { name, namespace });
  }
};

const suspendAll = async (options: UninstallOptions): Promise<void> => {
  const { items } = await options.client.list(missions);
  for (const mission of items)
    await change(options, missions, mission, (m) =>
      isFinished(m.status?.conditions) || m.spec.suspend ? undefined : { spec: { suspend: true } },
    );
  options.log.info({ missions: items.length }, "missions suspended");
};

/** The confined pods of a tenant; none where nothing may be read, because the namespace is gone and the Role with it. */
const confinedPods = async ({ client, tenants, log }: UninstallOptions): Promise<Pod[]> => {
  const ofTenant = async (namespace: string): Promise<Pod[]> => {
    try {
      return (await client.list(pods, { namespace, labelSelector: `${label.confined}=true` })).items;
    } catch (err) {
      if (!isForbidden(err)) throw err;
      log.warn({ err, namespace }, "pods of this namespace may not be read; it is left as it is");
      return [];
    }
  };
  return (await Promise.all(tenants.map(ofTenant))).flat();
};
const isAtWork = ({ status }: Pod): boolean => status?.phase === "Running" || status?.phase === "Pending";

const drain = async (options: UninstallOptions): Promise<void> => {
  const drained = await until(options, options.drainMs, async () => !(await confinedPods(options)).some(isAtWork));
  if (!drained)
    options.log.warn({ waitedMs: options.drainMs }, "pods did not end in time; their record may have a gap");
};

const stopOperator = async (options: UninstallOptions): Promise<void> => {
  const found = await options.client.find(deployments, { name: operatorName, namespace: options.releaseNamespace });
  if (found !== undefined) await change(options, deployments, found, () => ({ spec: { replicas: 0 } }));
  const query = { namespace: options.releaseNamespace, labelSelector: operatorPods };
  await until(options, options.drainMs, async () => (await options.client.list(pods, query)).items.length === 0);
};

const release = (object: KubeObject): { readonly [field: string]: unknown } | undefined => {
  const { finalizers = [] } = object.metadata;
  if (!finalizers.includes(observeFinalizer)) return undefined;
  return { metadata: { finalizers: finalizers.filter((name) => name !== observeFinalizer) } };
};

const stripFinalizers = async (options: UninstallOptions): Promise<void> => {
  const found = await confinedPods(options);
  for (const pod of found) await change(options, pods, pod, release);
  const { items } = await options.client.list(agents);
  for (const agent of items) await change(options, agents, agent, release);
  options.log.info({ pods: found.length, agents: items.length }, "finalizers removed");
};

/**
 * Makes `helm uninstall` safe: suspends every mission, lets agents and scribes end, stops the operator, and removes our
 * finalizers, so that no object waits for an operator that is gone. Missions and their record stay.
 */
export const uninstall = async (options: UninstallOptions): Promise<void> => {
  await suspendAll(options);
  await drain(options);
  await stopOperator(options);
  await stripFinalizers(options);
};
