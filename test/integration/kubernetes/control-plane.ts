import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { createKubeClient } from "#nervous-system/kubernetes/client.ts";
import { createConnector, type KubeSource } from "#nervous-system/kubernetes/connection.ts";
import { type ConfigMap, configMaps, namespaces } from "#nervous-system/kubernetes/kinds.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import type { Draft } from "#nervous-system/kubernetes/resource-kind.ts";
import { type AnswerHook, createTransport } from "#nervous-system/kubernetes/transport.ts";
import { type ControlPlane, startControlPlane } from "#platform/cluster/control-plane.ts";

/** A control plane of one test file, with a client of its administrator. */
export type TestPlane = { plane: ControlPlane; admin: KubeClient; dir: string; stop(): Promise<void> };

/** A client on a kubeconfig; `close` ends its sockets. */
export const clientOn = (source: KubeSource, onAnswer?: AnswerHook): { client: KubeClient; close: () => void } => {
  const clock = systemClock();
  const connector = createConnector(source, clock);
  const transport = createTransport({
    connector,
    userAgent: "enchanted-test",
    clock,
    ...(onAnswer && { onAnswer }),
  });
  return { client: createKubeClient({ transport, clock }), close: () => connector.close() };
};

/** Starts etcd and kube-apiserver in a directory that is removed at the end. */
export const startTestPlane = async (): Promise<TestPlane> => {
  const dir = await mkdtemp(join(tmpdir(), "enchanted-kubernetes-"));
  const plane = await startControlPlane({ dir: join(dir, "plane") });
  const { client: admin, close } = clientOn({ kind: "file", path: plane.kubeconfigPath });
  const stop = async (): Promise<void> => {
    close();
    await plane.stop();
    await rm(dir, { recursive: true, force: true });
  };
  return { plane, admin, dir, stop };
};

/** Creates a namespace with a name that no other test has. */
export const freshNamespace = async (client: KubeClient): Promise<string> => {
  const name = `t-${randomBytes(4).toString("hex")}`;
  await client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  return name;
};

/** A ConfigMap to be written. */
export const configMapDraft = (
  namespace: string,
  name: string,
  data: Record<string, string> = {},
): Draft<ConfigMap> => ({ apiVersion: "v1", kind: configMaps.kind, metadata: { namespace, name }, data });

/** Resolves once `condition` holds; rejects, saying what it waited for, after `timeoutMs`. */
export const eventually = async (
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> => {
  const clock = systemClock();
  const deadline = clock.monotonicMs() + timeoutMs;
  while (!(await condition())) {
    if (clock.monotonicMs() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await clock.sleep(20);
  }
};
