import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { renderRules, type Access } from "#nervous-system/kubernetes/access.ts";
import { pods, secrets, serviceAccounts, type Pod } from "#nervous-system/kubernetes/kinds.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import {
  controllerReference,
  type Draft,
  type KubeObject,
  type ResourceKind,
} from "#nervous-system/kubernetes/resource-kind.ts";
import { agents, missions, models, type Agent, type Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { groupVersion } from "#nervous-system/schemas/resources/define-resource.ts";
import type { AgentStatus } from "#nervous-system/schemas/resources/agent.ts";
import type { MissionSpecInput, MissionStatus } from "#nervous-system/schemas/resources/mission.ts";
import type { ModelSpecInput } from "#nervous-system/schemas/resources/model.ts";
import { collectorClusterAccess } from "#pipeline/collector/identify.ts";
import { run } from "#platform/process/run.ts";
import { anAgentSpec } from "#test/builders/agent.ts";
import { aMissionSpec } from "#test/builders/mission.ts";
import { aModelSpec } from "#test/builders/model.ts";
import {
  clientOn,
  freshNamespace,
  startTestPlane,
  type TestPlane,
} from "#test/integration/kubernetes/control-plane.ts";

/** An API server that knows the swarm's resources. */
export const startSwarmPlane = async (): Promise<TestPlane> => {
  const test = await startTestPlane();
  const kubectl = [test.plane.kubectl, `--kubeconfig=${test.plane.kubeconfigPath}`];
  for (const file of await readdir("crds")) await run([...kubectl, "apply", "-f", join("crds", file)]);
  await run([...kubectl, "wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"]);
  return test;
};

const rbac = (plural: string, kind: string, namespaced: boolean): ResourceKind => ({
  group: "rbac.authorization.k8s.io",
  version: "v1",
  plural,
  kind,
  namespaced,
});

/** Rights in the whole cluster, in the namespace of a tenant, and in that of the release, where one is given. */
type GivenAccess = {
  readonly cluster: readonly Access[];
  readonly tenant: readonly Access[];
  readonly namespace: string;
  readonly release?: { readonly access: readonly Access[]; readonly namespace: string };
};

/** The kubeconfig of a user who has exactly the declared rights. */
export const kubeconfigWithAccess = async (test: TestPlane, user: string, access: GivenAccess): Promise<string> => {
  const name = user.replaceAll(":", "-");
  const subjects = [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: user }];
  const draft = (kind: ResourceKind, metadata: object, rest: object): Promise<KubeObject> =>
    test.admin.create(kind, {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: kind.kind,
      metadata: { name, ...metadata },
      ...rest,
    });
  const roleRef = (kind: string) => ({ apiGroup: "rbac.authorization.k8s.io", kind, name });
  await draft(rbac("clusterroles", "ClusterRole", false), {}, { rules: renderRules(access.cluster) });
  await draft(
    rbac("clusterrolebindings", "ClusterRoleBinding", false),
    {},
    { subjects, roleRef: roleRef("ClusterRole") },
  );
  const tenant = { access: access.tenant, namespace: access.namespace };
  for (const { access: rights, namespace } of access.release === undefined ? [tenant] : [tenant, access.release]) {
    await draft(rbac("roles", "Role", true), { namespace }, { rules: renderRules(rights) });
    await draft(rbac("rolebindings", "RoleBinding", true), { namespace }, { subjects, roleRef: roleRef("Role") });
  }
  return test.plane.kubeconfigFor({ user });
};

/** A client of such a user. */
export const clientWithAccess = async (
  ...of: Parameters<typeof kubeconfigWithAccess>
): Promise<{ client: KubeClient; close: () => void }> =>
  clientOn({ kind: "file", path: await kubeconfigWithAccess(...of) });

/** A namespace for a release, and the kubeconfig of its collector with exactly the collector's rights. */
export const collectorKubeconfig = async (test: TestPlane): Promise<{ namespace: string; kubeconfig: string }> => {
  const namespace = await freshNamespace(test.admin);
  const user = `system:serviceaccount:${namespace}:enchanted-collector`;
  const access = { cluster: collectorClusterAccess, tenant: [], namespace };
  return { namespace, kubeconfig: await kubeconfigWithAccess(test, user, access) };
};

/** Creates the ServiceAccount that pods and components get tokens of. */
export const createAccount = async (client: KubeClient, namespace: string, name = "default"): Promise<void> => {
  await client.create(serviceAccounts, { apiVersion: "v1", kind: "ServiceAccount", metadata: { namespace, name } });
};

/** Creates a pod that no kubelet will ever run: its UID is what tokens are bound to. */
export const createPod = (
  client: KubeClient,
  namespace: string,
  name: string,
  serviceAccountName = "default",
): Promise<Pod> =>
  client.create(pods, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace, name },
    spec: { containers: [{ name: "c", image: "none" }], serviceAccountName },
  });

/** A token as the kubelet would project it, for one audience or several. */
export const tokenFor = async (
  client: KubeClient,
  account: { readonly namespace: string; readonly name?: string },
  audience: string | readonly string[],
  pod?: Pod,
): Promise<string> => {
  const boundObjectRef = pod && { kind: "Pod", apiVersion: "v1", name: pod.metadata.name, uid: pod.metadata.uid };
  const answer = await client.request({
    method: "POST",
    path: `/api/v1/namespaces/${account.namespace}/serviceaccounts/${account.name ?? "default"}/token`,
    body: {
      contentType: "application/json",
      text: JSON.stringify({
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        spec: { audiences: [audience].flat(), expirationSeconds: 3600, ...(boundObjectRef && { boundObjectRef }) },
      }),
    },
  });
  return (answer as { status: { token: string } }).status.token;
};

/** Creates a Secret for a use, with the list of where it may go: hosts of models, repositories of Git. */
export const createSecret = async (
  client: KubeClient,
  ref: { readonly namespace: string; readonly name: string },
  marks: { readonly use: "model"; readonly hosts: string } | { readonly use: "git"; readonly repositories: string },
  stringData: Record<string, string>,
): Promise<void> => {
  await client.create(secrets, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      ...ref,
      labels: { "swarm.enchanted.dev/use": marks.use },
      annotations:
        marks.use === "git"
          ? { "swarm.enchanted.dev/repositories": marks.repositories }
          : { "swarm.enchanted.dev/hosts": marks.hosts },
    },
    stringData,
  });
};

/** Creates a Model. */
export const createModel = (client: KubeClient, namespace: string, name: string, spec: Partial<ModelSpecInput>) =>
  client.create(models, {
    apiVersion: groupVersion,
    kind: "Model",
    metadata: { namespace, name },
    spec: aModelSpec(spec),
  } as Draft);

/** Creates a Mission, with a status where one is given. */
export const createMission = async (
  client: KubeClient,
  ref: { readonly namespace: string; readonly name: string },
  spec: Partial<MissionSpecInput> = {},
  status?: MissionStatus,
): Promise<Mission> => {
  const created = await client.create(missions, {
    apiVersion: groupVersion,
    kind: "Mission",
    metadata: ref,
    spec: aMissionSpec(spec),
  } as unknown as Draft<Mission>);
  if (status === undefined) return created;
  return client.patchStatus(missions, { ...ref, ...idOf(created) }, status);
};

const idOf = ({ metadata }: KubeObject) => ({ uid: metadata.uid, resourceVersion: metadata.resourceVersion });

/** Writes an object's status as the operator does. */
export const setAgentStatus = async (client: KubeClient, agent: Agent, status: AgentStatus): Promise<Agent> => {
  const ref = { namespace: agent.metadata.namespace, name: agent.metadata.name };
  const current = await client.get(agents, ref);
  return client.patchStatus(agents, { ...ref, ...idOf(current) }, status);
};

/** Creates an Agent of a mission, at work in a pod of its first attempt. */
export const createAgent = async (
  client: KubeClient,
  ref: { readonly namespace: string; readonly name: string },
  spec: {
    readonly mission: string;
    readonly model: string;
    readonly suspend?: boolean;
    readonly allowHosts?: readonly string[];
  },
  itsPod?: Pod,
): Promise<{ agent: Agent; pod: Pod }> => {
  const created = await client.create(agents, {
    apiVersion: groupVersion,
    kind: "Agent",
    metadata: ref,
    spec: anAgentSpec({
      missionRef: { name: spec.mission },
      modelRef: { name: spec.model },
      suspend: spec.suspend ?? false,
      ...(spec.allowHosts === undefined ? {} : { egress: { allowHosts: [...spec.allowHosts] } }),
    }),
  } as unknown as Draft<Agent>);
  const pod = itsPod ?? (await createPod(client, ref.namespace, `${ref.name}-1`));
  const agent = await setAgentStatus(client, created, {
    attempt: 1,
    podName: pod.metadata.name,
    podUID: pod.metadata.uid,
  });
  return { agent, pod };
};

/** Creates an Agent that its mission owns, and the pod of its first attempt; `status` changes what the operator wrote. */
export const createOwnedAgent = async (
  client: KubeClient,
  mission: Mission,
  name: string,
  status: (podUid: string) => AgentStatus = (podUID) => ({ attempt: 1, podName: `${name}-1`, podUID }),
): Promise<{ agent: Agent; pod: Pod }> => {
  const { namespace = "" } = mission.metadata;
  const created = await client.create(agents, {
    apiVersion: groupVersion,
    kind: "Agent",
    metadata: { namespace, name, ownerReferences: [controllerReference(mission)] },
    spec: anAgentSpec({ missionRef: { name: mission.metadata.name } }),
  } as unknown as Draft<Agent>);
  const pod = await createPod(client, namespace, `${name}-1`);
  const agent = await setAgentStatus(client, created, status(pod.metadata.uid));
  return { agent, pod };
};
