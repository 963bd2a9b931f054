import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { repositoryRoot } from "../environment.ts";
import type { ServiceSpec } from "../process/service.ts";
import { ensureTool } from "../tools/ensure-tool.ts";
import { controllerManagerService, schedulerService } from "./controllers.ts";
import { ensureClusterPorts, type ClusterPorts } from "./cluster-ports.ts";
import { etcdService } from "./etcd.ts";
import { kubeApiServerService } from "./kube-apiserver.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import { node, type Layout } from "./layout.ts";
import {
  renderCniConfig,
  renderContainerdConfig,
  renderCorefile,
  renderKubeletConfig,
  renderKubeProxyConfig,
  renderRegistryConfig,
} from "./node-files.ts";
import {
  containerdService,
  corednsService,
  dockerdService,
  kubeletService,
  kubeProxyService,
  registryService,
} from "./node-services.ts";
import { registryHost } from "../images/registry.ts";
import { writeRegistryAccess } from "./registry-access.ts";
import { ensureControlPlanePki, kubeconfigPathIn, type ControlPlanePki } from "./pki.ts";

/** Who the cluster's own processes are to the API server. */
const components = {
  "controller-manager": { commonName: "system:kube-controller-manager" },
  scheduler: { commonName: "system:kube-scheduler" },
  kubelet: { commonName: `system:node:${node.name}`, organizations: ["system:nodes"] },
  proxy: { commonName: "system:kube-proxy" },
  // Reads Services and endpoints of every namespace; the binding is in manifests.ts.
  dns: { commonName: "enchanted:dns" },
  platform: { commonName: "enchanted:platform", organizations: ["system:masters"] },
} as const;

type Kubeconfigs = Readonly<Record<keyof typeof components, string>>;

const issueKubeconfigs = async (layout: Layout, pki: ControlPlanePki, url: string) => {
  const address = { url, caFile: pki.ca.certFile };
  const issued: Record<string, string> = {};
  for (const [name, identity] of Object.entries(components)) {
    const client = await pki.issue({ name, ...identity });
    issued[name] = await writeKubeconfig(kubeconfigPathIn(pki.dir, name), address, client);
  }
  await writeKubeconfig(layout.kubeconfig, address, pki.admin);
  return issued as Kubeconfigs;
};

const writeConfig = async (layout: Layout, name: string, text: string): Promise<string> => {
  const path = join(layout.config, name);
  await writeFile(path, text);
  return path;
};

const controlPlane = async (
  layout: Layout,
  pki: ControlPlanePki,
  ports: ClusterPorts,
  kubeconfigs: Kubeconfigs,
): Promise<ServiceSpec[]> => [
  etcdService({
    binary: await ensureTool("etcd"),
    dataDir: layout.etcd,
    clientPort: ports.etcdClient,
    peerPort: ports.etcdPeer,
    pki,
  }),
  kubeApiServerService({
    binary: await ensureTool("kube-apiserver"),
    address: node.address,
    port: ports.apiServer,
    etcdPort: ports.etcdClient,
    pki,
    // The kubelet is found by the node's address: its name need not resolve.
    extraArgs: [`--advertise-address=${node.address}`, "--kubelet-preferred-address-types=InternalIP"],
  }),
  controllerManagerService({
    binary: await ensureTool("kube-controller-manager"),
    kubeconfig: kubeconfigs["controller-manager"],
    port: ports.controllerManager,
    pki,
  }),
  schedulerService({
    binary: await ensureTool("kube-scheduler"),
    kubeconfig: kubeconfigs.scheduler,
    port: ports.scheduler,
    pki,
  }),
];

const nodeServices = async (
  layout: Layout,
  pki: ControlPlanePki,
  ports: ClusterPorts,
  kubeconfigs: Kubeconfigs,
): Promise<ServiceSpec[]> => {
  const config = (name: string, text: string) => writeConfig(layout, name, text);
  const serving = await pki.issue({
    name: "kubelet-serving",
    commonName: node.name,
    altNames: [`DNS:${node.name}`, `IP:${node.address}`],
  });
  const containerdConfig = await config("containerd.toml", renderContainerdConfig(layout, ports.registry));
  const kubeletConfig = await config("kubelet.yaml", renderKubeletConfig(layout, ports, serving, pki.ca.certFile));
  const proxyConfig = await config("kube-proxy.yaml", renderKubeProxyConfig(ports, kubeconfigs.proxy));
  await config("cni/10-enchanted.conflist", renderCniConfig(layout));
  await config("dockerd.json", "{}");
  const users = await writeRegistryAccess(layout, registryHost(ports.registry));
  return [
    containerdService(
      layout,
      await ensureTool("containerd"),
      await ensureTool("containerd-shim-runc-v2"),
      containerdConfig,
    ),
    registryService(await config("registry.yaml", renderRegistryConfig(layout, ports.registry, users)), ports.registry),
    dockerdService(layout),
    kubeletService(
      layout,
      await ensureTool("kubelet"),
      { config: kubeletConfig, kubeconfig: kubeconfigs.kubelet },
      ports,
    ),
    kubeProxyService(await ensureTool("kube-proxy"), proxyConfig, ports),
    corednsService(
      await ensureTool("coredns"),
      await config("Corefile", renderCorefile(ports, kubeconfigs.dns)),
      ports,
    ),
  ];
};

/** Processes of this repository that the cluster needs: the packet filter and the volume provisioner. */
const ownServices = (layout: Layout): ServiceSpec[] =>
  (["packet-filter", "volumes"] as const).map((name) => ({
    name,
    command: [process.execPath, join(repositoryRoot, "platform/main.ts"), name],
    env: { ENCHANTED_STATE: layout.state },
    ready: { kind: "command", command: ["test", "-e", join(layout.state, `${name}.ready`)] },
  }));

/** Writes every file that the cluster's processes read and answers the processes in their order of starting. */
export const prepareClusterServices = async (layout: Layout): Promise<ServiceSpec[]> => {
  for (const dir of [
    layout.config,
    layout.cniConfig,
    layout.docker,
    layout.containerd,
    layout.registry,
    layout.podLogs,
  ]) {
    await mkdir(dir, { recursive: true });
  }
  const ports = await ensureClusterPorts(layout.ports);
  const pki = await ensureControlPlanePki(layout.pki, [
    `IP:${node.address}`,
    "IP:10.96.0.1",
    "DNS:kubernetes",
    "DNS:kubernetes.default",
    "DNS:kubernetes.default.svc",
    "DNS:kubernetes.default.svc.cluster.local",
  ]);
  const kubeconfigs = await issueKubeconfigs(layout, pki, `https://${node.address}:${ports.apiServer}`);
  const [etcd, apiServer, ...controllers] = await controlPlane(layout, pki, ports, kubeconfigs);
  // The filter stands before the kubelet can start a pod: a pod that it does not know passes nothing.
  return [
    ...[etcd, apiServer].filter((spec) => spec !== undefined),
    ...ownServices(layout),
    ...controllers,
    ...(await nodeServices(layout, pki, ports, kubeconfigs)),
  ];
};
