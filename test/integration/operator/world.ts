import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import { renderRules } from "#nervous-system/kubernetes/access.ts";
import { leases, namespaces } from "#nervous-system/kubernetes/kinds.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import type { KubeObject, ResourceKind } from "#nervous-system/kubernetes/resource-kind.ts";
import { operatorAccess } from "#operator/access.ts";
import { services } from "#operator/pod/names.ts";
import { controllerManagerService } from "#platform/cluster/controllers.ts";
import { ensureControlPlanePki } from "#platform/cluster/pki.ts";
import { freePort } from "#platform/process/ports.ts";
import { startService } from "#platform/process/service.ts";
import { ensureTool } from "#platform/tools/ensure-tool.ts";
import { startSwarmPlane } from "#test/integration/gateway/swarm-plane.ts";
import type { TestPlane } from "#test/integration/kubernetes/control-plane.ts";
import { connectTestBus, createCleanup, startTestNats } from "#test/integration/pipeline/bus-harness.ts";

/** Namespace in which the operator's lease and the Services are. */
export const releaseNamespace = "enchanted-system";

/** A cluster without nodes: API server, etcd, the garbage collector, JetStream. The test plays the kubelet. */
export type World = {
  test: TestPlane;
  admin: KubeClient;
  bus: Bus;
  natsUrl: string;
  /** Kubeconfig of a user who has exactly the operator's declared rights. */
  operatorKubeconfig: string;
  stop(): Promise<void>;
};

const startGarbageCollector = async ({ plane, dir }: TestPlane): Promise<() => Promise<void>> => {
  const spec = controllerManagerService({
    binary: await ensureTool("kube-controller-manager"),
    kubeconfig: plane.kubeconfigPath,
    port: await freePort(),
    pki: await ensureControlPlanePki(join(dir, "plane", "pki"), []),
  });
  const only = ["--controllers=garbage-collector-controller", "--use-service-account-credentials=false"];
  await mkdir(join(dir, "gc"), { recursive: true });
  const service = await startService({ ...spec, command: [...spec.command, ...only] }, join(dir, "gc"));
  return () => service.stop();
};

const rbac = (plural: string, kind: string): ResourceKind => ({
  group: "rbac.authorization.k8s.io",
  version: "v1",
  plural,
  kind,
  namespaced: false,
});

const grantOperator = async ({ admin }: TestPlane, user: string): Promise<void> => {
  const draft = (kind: ResourceKind, rest: object): Promise<KubeObject> =>
    admin.create(kind, {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: kind.kind,
      metadata: { name: user },
      ...rest,
    });
  await draft(rbac("clusterroles", "ClusterRole"), { rules: renderRules(operatorAccess) });
  await draft(rbac("clusterrolebindings", "ClusterRoleBinding"), {
    subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: user }],
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: user },
  });
};

const createServices = async (admin: KubeClient): Promise<void> => {
  await admin.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: releaseNamespace } });
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
  cleanup.add(await startGarbageCollector(test));
  await grantOperator(test, "operator");
  await createServices(test.admin);
  const nats = await startTestNats(cleanup);
  return {
    test,
    admin: test.admin,
    bus: await connectTestBus(nats, cleanup),
    natsUrl: nats.url,
    operatorKubeconfig: await test.plane.kubeconfigFor({ user: "operator" }),
    stop: () => cleanup.run(),
  };
};

/** Takes the lease away, as its lapse would, so that the next operator need not wait for it. */
export const dropLease = async (admin: KubeClient): Promise<void> => {
  const ref = { namespace: releaseNamespace, name: "enchanted-operator" };
  const lease = await admin.find(leases, ref);
  if (lease !== undefined) await admin.delete(leases, { ...ref, uid: lease.metadata.uid });
};
