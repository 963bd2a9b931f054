import { join } from "node:path";
import { LONGEST_STATE } from "../environment.ts";

/** Addresses and names of the one node; everything of ours on the network can be told by them. */
export const node = {
  name: "enchanted-node",
  /** A bridge link without ports that carries the node's address: loopback may not be advertised. */
  link: "enchanted0",
  address: "10.245.0.1",
  podRange: "10.244.0.0/16",
  podSubnet: "10.244.0.0/24",
  /** Parent of every pod's control group, and so the list of every process in a pod. */
  cgroup: "enchanted-swarm",
  cniNetwork: "enchanted",
} as const;

/** Where the parts of the embedded platform keep their files. */
export type Layout = {
  readonly state: string;
  readonly pki: string;
  readonly logs: string;
  readonly config: string;
  readonly etcd: string;
  readonly containerd: string;
  readonly containerdSocket: string;
  readonly kubelet: string;
  readonly podLogs: string;
  readonly cniConfig: string;
  readonly cniState: string;
  readonly docker: string;
  readonly dockerSocket: string;
  readonly registry: string;
  readonly volumes: string;
  readonly kubeconfig: string;
  readonly ports: string;
  readonly services: string;
  readonly supervisor: string;
  readonly status: string;
};

/** Derives every path from the state directory. */
export const layoutOf = (state: string): Layout => {
  if (state.length > LONGEST_STATE) {
    throw new Error(
      `The state directory ${state} is longer than ${LONGEST_STATE} characters, too long for the unix sockets in it. ` +
        "Set ENCHANTED_STATE to a shorter path.",
    );
  }
  const at = (...parts: string[]): string => join(state, ...parts);
  return {
    state,
    pki: at("pki"),
    logs: at("logs"),
    config: at("config"),
    etcd: at("data/etcd"),
    containerd: at("containerd"),
    containerdSocket: at("containerd/containerd.sock"),
    kubelet: at("kubelet"),
    podLogs: at("logs/pods"),
    cniConfig: at("config/cni"),
    cniState: at("cni"),
    docker: at("docker"),
    dockerSocket: at("docker/docker.sock"),
    registry: at("data/registry"),
    volumes: at("data/volumes"),
    kubeconfig: at("kubeconfig"),
    ports: at("ports.json"),
    services: at("services.json"),
    supervisor: at("supervisor.json"),
    status: at("status.json"),
  };
};
