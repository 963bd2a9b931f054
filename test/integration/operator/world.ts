import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import { renderRules, type Access } from "#nervous-system/kubernetes/access.ts";
import { leases, namespaces, networkPolicies } from "#nervous-system/kubernetes/kinds.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import type { KubeObject } from "#nervous-system/kubernetes/resource-kind.ts";
import { operatorClusterAccess, operatorReleaseAccess, operatorTenantAccess } from "#operator/access.ts";
import { confinementName, confinementOf } from "#operator/pod/confinement.ts";
import { services } from "#operator/pod/names.ts";
import { controllerManagerService } from "#platform/cluster/controllers.ts";
import { ensureControlPlanePki } from "#platform/cluster/pki.ts";
import { freePort } from "#platform/process/ports.ts";
import { startService } from "#platform/process/service.ts";
import { ensureTool } from "#platform/tools/ensure-tool.ts";
import { someRelease } from "#test/builders/network.ts";
import { startSwarmPlane } from "#test/integration/gateway/swarm-plane.ts";
import { freshNamespace, type TestPlane } from "#test/integration/kubernetes/control-plane.ts";
import { connectTestBus, createCleanup, startTestNats } from "#test/integration/pipeline/bus-harness.ts";

/** Namespace in which the operator's lease and the Services are. */
export const releaseNamespace = someRelease.namespace;

/** A cluster without nodes: API server, etcd, the controllers that missions meet, JetStream. The test plays the kubelet. */
export type World = {
  test: TestPlane;
  admin: KubeClient;
  bus: Bus;
  natsUrl: string;
  /** Kubeconfig of a user who has exactly the operator's declared rights. */
  operatorKubeconfig: string;
  /** A new namespace with what the chart makes in one that runs missions. */
  newTenant(): Promise<string>;
  stop(): Promise<void>;
};

const controllers = ["garbage-collector-controller", "namespace-controller", "resourcequota-controller"];

const startControllers = async ({ plane, dir }: TestPlane): Promise<() => Promise<void>> => {
  const spec = controllerManagerService({
    binary: await ensureTool("kube-controller-manager"),
    kubeconfig: plane.kubeconfigPath,
    port: await freePort(),
    pki: await ensureControlPlanePki(join(dir, "plane", "pki"), []),
  });
  const only = [`--controllers=${controllers.join()}`, "--use-service-account-credentials=false"];
  await mkdir(join(dir, "controllers"), { recursive: true });
  const service = await startService({ ...spec, command: [...spec.command, ...only] }, join(dir, "controllers"));
  return () => service.stop();
};

/** Grants rights to the operator, in one namespace or in the whole cluster. */
const grantOperator = async (admin: KubeClient, access: readonly Access[], namespace?: string): Promise<void> => {
  const scope = namespace === undefined ? "Cluster" : "";
  const draft = (kind: string, rest: object): Promise<KubeObject> =>
    admin.create(
      {
        group: "rbac.authorization.k8s.io",
        version: "v1",
        plural: `${scope}${kind}s`.toLowerCase(),
        kind: `${scope}${kind}`,
        namespaced: namespace !== undefined,
      },
      {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: `${scope}${kind}`,
        metadata: { name: "operator", namespace },
        ...rest,
      },
    );
  await draft("Role", { rules: renderRules(access) });
  await draft("RoleBinding", {
    subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: "operator" }],
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: `${scope}Role`, name: "operator" },
  });
};

/** Makes the chart's NetworkPolicy in a namespace. */
export const confineTenant = async (admin: KubeClient, namespace: string): Promise<void> => {
  await admin.create(networkPolicies, {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { namespace, name: confinementName },
    spec: confinementOf(someRelease),
  });
};

const createServices = async (admin: KubeClient): Promise<void> => {
  for (const [name, port] of [
    ["enchanted-collector", 4317],
    ["enchanted-gateway", 8443],
  ] as const)
    await admin.create(services, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { namespace: releaseNamespace, name },
      spec: { ports: [{ port }] },
    } as Parameters<typeof admin.create<KubeObject>>[1]);
};

/** Starts the world of one test file. */
export const startWorld = async (): Promise<World> => {
  const cleanup = createCleanup();
  const test = await startSwarmPlane();
  cleanup.add(() => test.stop());
  cleanup.add(await startControllers(test));
  const { admin } = test;
  await admin.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: releaseNamespace } });
  await grantOperator(admin, operatorClusterAccess);
  await grantOperator(admin, operatorReleaseAccess, releaseNamespace);
  await createServices(admin);
  const nats = await startTestNats(cleanup);
  return {
    test,
    admin,
    bus: await connectTestBus(nats, cleanup),
    natsUrl: nats.url,
    operatorKubeconfig: await test.plane.kubeconfigFor({ user: "operator" }),
    newTenant: async () => {
      const namespace = await freshNamespace(admin);
      await grantOperator(admin, operatorTenantAccess, namespace);
      await confineTenant(admin, namespace);
      return namespace;
    },
    stop: () => cleanup.run(),
  };
};

/** Takes the lease away, as its lapse would, so that the next operator need not wait for it. */
export const dropLease = async (admin: KubeClient): Promise<void> => {
  const ref = { namespace: releaseNamespace, name: "enchanted-operator" };
  const lease = await admin.find(leases, ref);
  if (lease !== undefined) await admin.delete(leases, { ...ref, uid: lease.metadata.uid });
};
