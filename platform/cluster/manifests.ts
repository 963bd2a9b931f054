import { run } from "../process/run.ts";
import { ensureTool } from "../tools/ensure-tool.ts";
import type { Layout } from "./layout.ts";
import { STORAGE_CLASS } from "./volumes/decide.ts";

/** What the cluster itself needs in the API: the storage class and the rights of its own processes. */
export const clusterManifests: readonly object[] = [
  {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: {
      name: STORAGE_CLASS,
      annotations: { "storageclass.kubernetes.io/is-default-class": "true" },
    },
    provisioner: "swarm.enchanted.dev/local",
    reclaimPolicy: "Delete",
    volumeBindingMode: "Immediate",
  },
  {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name: "enchanted:dns" },
    rules: [
      { apiGroups: [""], resources: ["services", "pods", "namespaces"], verbs: ["list", "watch"] },
      { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
    ],
  },
  {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: "enchanted:dns" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "enchanted:dns" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "enchanted:dns" }],
  },
];

/** Applies objects with the administrator's rights. */
export const applyManifests = async (layout: Layout, manifests: readonly object[]): Promise<void> => {
  const list = { apiVersion: "v1", kind: "List", items: manifests };
  const kubectl = [await ensureTool("kubectl"), `--kubeconfig=${layout.kubeconfig}`];
  await run([...kubectl, "apply", "--server-side", "--force-conflicts", "-f", "-"], {
    input: JSON.stringify(list),
  });
};
