import { stringify } from "yaml";
import { node, type Layout } from "./layout.ts";
import type { ClusterPorts } from "./cluster-ports.ts";
import type { KeyPair } from "./certificates.ts";

/** Name of the sandbox image in the node's registry. */
const pauseImage = (registryPort: number): string => `localhost:${registryPort}/enchanted/pause:1`;

/** containerd's configuration. */
export const renderContainerdConfig = (layout: Layout, registryPort: number): string => `version = 3
root = "${layout.containerd}/root"
state = "${layout.containerd}/state"
[grpc]
  address = "${layout.containerdSocket}"
[ttrpc]
  address = "${layout.containerdSocket}.ttrpc"
[plugins.'io.containerd.cri.v1.runtime']
  # Without CAP_SYS_RESOURCE a negative score kills every sandbox.
  restrict_oom_score_adj = true
  # Beneath the state directory, "down" finds every network namespace of ours and only those.
  netns_mounts_under_state_dir = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["/usr/lib/cni"]
    conf_dir = "${layout.cniConfig}"
[plugins.'io.containerd.cri.v1.images']
  [plugins.'io.containerd.cri.v1.images'.registry]
    config_path = "${layout.config}/registries"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "${pauseImage(registryPort)}"
`;

/**
 * The pod network: every pod hangs on a link of its own and all traffic between pods is routed by the
 * host, so that no packet passes beside the filter. Pods get no IPv6: there is no range to give them
 * addresses of. The filter judges it all the same.
 */
export const renderCniConfig = (layout: Layout): string =>
  JSON.stringify({
    cniVersion: "1.0.0",
    name: node.cniNetwork,
    plugins: [
      {
        type: "ptp",
        ipMasq: false,
        ipam: {
          type: "host-local",
          dataDir: layout.cniState,
          ranges: [[{ subnet: node.podSubnet }]],
          routes: [{ dst: "0.0.0.0/0" }],
        },
      },
      {
        type: "tuning",
        sysctl: { "net.ipv6.conf.all.disable_ipv6": "1", "net.ipv6.conf.default.disable_ipv6": "1" },
      },
    ],
  });

/** The kubelet's configuration. */
export const renderKubeletConfig = (
  layout: Layout,
  ports: ClusterPorts,
  serving: KeyPair,
  clientCaFile: string,
): string =>
  stringify({
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    failCgroupV1: false,
    cgroupDriver: "cgroupfs",
    cgroupRoot: `/${node.cgroup}`,
    enforceNodeAllocatable: [],
    failSwapOn: false,
    localStorageCapacityIsolation: false,
    evictionHard: {},
    containerRuntimeEndpoint: `unix://${layout.containerdSocket}`,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: clientCaFile },
    },
    authorization: { mode: "Webhook" },
    address: node.address,
    port: ports.kubelet,
    readOnlyPort: 0,
    healthzBindAddress: "127.0.0.1",
    healthzPort: ports.kubeletHealth,
    tlsCertFile: serving.certFile,
    tlsPrivateKeyFile: serving.keyFile,
    clusterDomain: "cluster.local",
    clusterDNS: [node.address],
    resolvConf: "/etc/resolv.conf",
    podLogsDir: layout.podLogs,
    volumePluginDir: `${layout.kubelet}/plugins`,
    syncFrequency: "5s",
    serializeImagePulls: false,
    // kube-proxy makes what it needs; the kubelet's own chains have no owner who removes them.
    makeIPTablesUtilChains: false,
  });

/** kube-proxy's configuration. */
export const renderKubeProxyConfig = (ports: ClusterPorts, kubeconfig: string): string =>
  stringify({
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode: "iptables",
    clientConnection: { kubeconfig },
    clusterCIDR: node.podRange,
    hostnameOverride: node.name,
    bindAddress: node.address,
    healthzBindAddress: `127.0.0.1:${ports.kubeProxyHealth}`,
    metricsBindAddress: `127.0.0.1:${ports.kubeProxyMetrics}`,
    nodePortAddresses: [`${node.address}/32`],
    conntrack: { maxPerCore: 0 },
  });

/** CoreDNS's configuration: the cluster's names, and the machine's own resolver for the rest. */
export const renderCorefile = (ports: ClusterPorts, kubeconfig: string): string => `.:53 {
    bind ${node.address}
    errors
    health 127.0.0.1:${ports.corednsHealth}
    kubernetes cluster.local in-addr.arpa {
        kubeconfig ${kubeconfig} enchanted
        pods insecure
    }
    forward . /etc/resolv.conf
    cache 10
    loadbalance
}
`;

/** The image registry's configuration. */
export const renderRegistryConfig = (layout: Layout, port: number, usersFile: string): string =>
  stringify({
    version: 0.1,
    log: { level: "warn" },
    storage: { filesystem: { rootdirectory: layout.registry }, delete: { enabled: true } },
    auth: { htpasswd: { realm: "enchanted", path: usersFile } },
    http: { addr: `127.0.0.1:${port}` },
  });
