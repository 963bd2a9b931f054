import { dirname } from "node:path";
import type { ServiceSpec } from "../process/service.ts";
import { node, type Layout } from "./layout.ts";
import type { ClusterPorts } from "./cluster-ports.ts";

const SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

/** containerd, with a shim of its own version in front of any that the machine has. */
export const containerdService = (layout: Layout, binary: string, shim: string, configFile: string): ServiceSpec => ({
  name: "containerd",
  command: [binary, "--config", configFile],
  env: { PATH: `${dirname(shim)}:${SYSTEM_PATH}` },
  ready: { kind: "socket", path: layout.containerdSocket },
});

/** The kubelet; it keeps trying until the API server knows its node. */
export const kubeletService = (
  layout: Layout,
  binary: string,
  files: { readonly config: string; readonly kubeconfig: string },
  ports: ClusterPorts,
): ServiceSpec => ({
  name: "kubelet",
  command: [
    binary,
    `--config=${files.config}`,
    `--kubeconfig=${files.kubeconfig}`,
    `--hostname-override=${node.name}`,
    `--node-ip=${node.address}`,
    `--root-dir=${layout.kubelet}`,
    `--cert-dir=${layout.pki}`,
  ],
  ready: { kind: "http", url: `http://127.0.0.1:${ports.kubeletHealth}/healthz` },
});

/** kube-proxy in iptables mode. */
export const kubeProxyService = (binary: string, configFile: string, ports: ClusterPorts): ServiceSpec => ({
  name: "kube-proxy",
  command: [binary, `--config=${configFile}`],
  ready: { kind: "http", url: `http://127.0.0.1:${ports.kubeProxyHealth}/healthz` },
});

/** CoreDNS on the node's address. */
export const corednsService = (binary: string, corefile: string, ports: ClusterPorts): ServiceSpec => ({
  name: "coredns",
  command: [binary, "-conf", corefile],
  ready: { kind: "http", url: `http://127.0.0.1:${ports.corednsHealth}/health` },
});

/** The image registry, on loopback. */
export const registryService = (configFile: string, port: number): ServiceSpec => ({
  name: "registry",
  command: ["/usr/bin/docker-registry", "serve", configFile],
  // It asks for credentials first; that it asks shows that it serves.
  ready: { kind: "http", url: `http://127.0.0.1:${port}/v2/`, anyStatus: true },
});

/**
 * dockerd, which only builds: its own data and a unix socket, containers by the node's containerd, and
 * no link and no packet rule of its own.
 */
export const dockerdService = (layout: Layout): ServiceSpec => ({
  name: "dockerd",
  command: [
    "/usr/sbin/dockerd",
    `--host=unix://${layout.dockerSocket}`,
    `--containerd=${layout.containerdSocket}`,
    `--data-root=${layout.docker}/data`,
    `--exec-root=${layout.docker}/exec`,
    `--pidfile=${layout.docker}/pid`,
    "--exec-opt=native.cgroupdriver=cgroupfs",
    `--cgroup-parent=/${node.cgroup}/build`,
    "--bridge=none",
    "--iptables=false",
    "--ip6tables=false",
    "--ip-forward=false",
    // An empty file of its own: the machine's /etc/docker/daemon.json belongs to another daemon.
    `--config-file=${layout.config}/dockerd.json`,
  ],
  ready: { kind: "socket", path: layout.dockerSocket },
});
