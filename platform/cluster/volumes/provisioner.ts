import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ApiClient } from "../api-client.ts";
import { node, type Layout } from "../layout.ts";
import { runLevelLoop } from "../level-loop.ts";
import { decideVolumes, STORAGE_CLASS, type ClaimView, type VolumeAction, type VolumeView } from "./decide.ts";

const collections = {
  claims: "/api/v1/persistentvolumeclaims",
  volumes: "/api/v1/persistentvolumes",
} as const;

/** The volume that serves a claim from a directory of the node. */
const renderVolume = (name: string, path: string, { metadata, spec }: ClaimView): object => ({
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: { name },
  spec: {
    storageClassName: STORAGE_CLASS,
    capacity: { storage: spec.resources?.requests?.["storage"] ?? "1Gi" },
    accessModes: spec.accessModes ?? ["ReadWriteOnce"],
    persistentVolumeReclaimPolicy: "Retain",
    claimRef: {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      namespace: metadata.namespace,
      name: metadata.name,
      uid: metadata.uid,
    },
    local: { path },
    nodeAffinity: {
      required: {
        nodeSelectorTerms: [
          { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [node.name] }] },
        ],
      },
    },
  },
});

const applyAction = async (client: ApiClient, layout: Layout, action: VolumeAction) => {
  const path = join(layout.volumes, action.name);
  if (action.kind === "create") {
    await mkdir(path, { recursive: true });
    await chmod(path, 0o777); // pods without fsGroup run as users of their own
    await client.send("POST", collections.volumes, renderVolume(action.name, path, action.claim));
    return;
  }
  await client.send("DELETE", `${collections.volumes}/${action.name}`);
  await rm(path, { recursive: true, force: true });
};

/** Serves claims of our storage class from directories of the node until aborted. */
export const runVolumeProvisioner = (client: ApiClient, layout: Layout, signal: AbortSignal): Promise<void> =>
  runLevelLoop(
    client,
    {
      name: "volumes",
      paths: Object.values(collections),
      reconcile: async () => {
        const [claims, volumes] = await Promise.all([
          client.send<{ items: ClaimView[] }>("GET", collections.claims),
          client.send<{ items: VolumeView[] }>("GET", collections.volumes),
        ]);
        for (const action of decideVolumes(claims.items, volumes.items)) {
          await applyAction(client, layout, action);
        }
      },
      onSettled: () => writeFile(join(layout.state, "volumes.ready"), ""),
    },
    signal,
  );
