import type { ResourceKind } from "#nervous-system/kubernetes/resource-kind.ts";
import type { TestPlane } from "#test/integration/kubernetes/control-plane.ts";

const rbac = (plural: string, kind: string): ResourceKind => ({
  group: "rbac.authorization.k8s.io",
  version: "v1",
  plural,
  kind,
  namespaced: true,
});

/** Lets a ServiceAccount use the record of its namespace from outside of pods: record as ClusterRole enchanted-record does, or read. */
export const allowRecording = async (
  { admin }: TestPlane,
  namespace: string,
  account: string,
  verbs: readonly string[] = ["create"],
): Promise<void> => {
  const metadata = { namespace, name: `${account}-records` };
  const apiVersion = "rbac.authorization.k8s.io/v1";
  const rules = [{ apiGroups: ["swarm.enchanted.dev"], resources: ["missions/record"], verbs }];
  await admin.create(rbac("roles", "Role"), { apiVersion, kind: "Role", metadata, rules } as never);
  await admin.create(rbac("rolebindings", "RoleBinding"), {
    apiVersion,
    kind: "RoleBinding",
    metadata,
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: metadata.name },
    subjects: [{ kind: "ServiceAccount", namespace, name: account }],
  } as never);
};
