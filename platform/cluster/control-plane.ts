import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { freePorts } from "../process/ports.ts";
import { startRestartable, type Restartable } from "../process/restartable.ts";
import { ensureTool } from "../tools/ensure-tool.ts";
import { etcdService } from "./etcd.ts";
import { kubeApiServerService } from "./kube-apiserver.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import { ensureControlPlanePki, kubeconfigPathIn, type ControlPlanePki } from "./pki.ts";

/** A user as Kubernetes knows one. */
type ClusterUser = { readonly user: string; readonly groups?: readonly string[] };

/** A real API server with its etcd on loopback; there are no controllers, no scheduler and no node. */
export type ControlPlane = AsyncDisposable & {
  readonly url: string;
  /** Kubeconfig of a user in system:masters. */
  readonly kubeconfigPath: string;
  readonly kubectl: string;
  readonly etcd: Restartable;
  readonly apiServer: Restartable;
  /** Writes a kubeconfig with which RBAC sees exactly this user, and answers its path. */
  kubeconfigFor(user: ClusterUser): Promise<string>;
  stop(): Promise<void>;
};

/** Where a control plane for a test keeps its data, and how it may differ. */
export type ControlPlaneOptions = {
  readonly dir: string;
  /** Further arguments of kube-apiserver. */
  readonly apiServerArgs?: readonly string[];
};

const issueKubeconfig = async (pki: ControlPlanePki, url: string, who: ClusterUser) => {
  const name = `user-${who.user.replaceAll(/[^a-zA-Z0-9-]/g, "-")}`;
  const client = await pki.issue({ name, commonName: who.user, organizations: who.groups ?? [] });
  return writeKubeconfig(kubeconfigPathIn(pki.dir, name), { url, caFile: pki.ca.certFile }, client);
};

const startServers = async (options: ControlPlaneOptions, pki: ControlPlanePki, logDir: string) => {
  const [clientPort = 0, peerPort = 0, apiPort = 0] = await freePorts(3);
  const dataDir = join(options.dir, "etcd");
  const etcdBinary = await ensureTool("etcd");
  const etcd = await startRestartable(
    etcdService({ binary: etcdBinary, dataDir, clientPort, peerPort, pki, unsafeNoFsync: true }),
    logDir,
  );
  const spec = kubeApiServerService({
    binary: await ensureTool("kube-apiserver"),
    address: "127.0.0.1",
    port: apiPort,
    etcdPort: clientPort,
    pki,
    extraArgs: [
      // Loopback may not stand in the endpoints of a Service, and nobody looks for them here.
      "--endpoint-reconciler-type=none",
      // No controller makes the default service account that this plugin asks of every pod.
      "--disable-admission-plugins=ServiceAccount",
      ...(options.apiServerArgs ?? []),
    ],
  });
  const apiServer = await startRestartable(spec, logDir).catch(async (error: unknown) => {
    await etcd.stop();
    throw error;
  });
  return { etcd, apiServer, url: `https://127.0.0.1:${apiPort}` };
};

/** Starts etcd and kube-apiserver on free loopback ports, with RBAC on, and answers when they are ready. */
export const startControlPlane = async (options: ControlPlaneOptions): Promise<ControlPlane> => {
  await mkdir(options.dir, { recursive: true });
  const pki = await ensureControlPlanePki(join(options.dir, "pki"), []);
  const kubectl = await ensureTool("kubectl");
  const { etcd, apiServer, url } = await startServers(options, pki, join(options.dir, "logs"));
  const address = { url, caFile: pki.ca.certFile };
  const stop = async (): Promise<void> => {
    await apiServer.stop();
    await etcd.stop();
  };
  return {
    url,
    kubeconfigPath: await writeKubeconfig(kubeconfigPathIn(pki.dir, "admin"), address, pki.admin),
    kubectl,
    etcd,
    apiServer,
    kubeconfigFor: (user) => issueKubeconfig(pki, url, user),
    stop,
    [Symbol.asyncDispose]: stop,
  };
};
