import type { ServiceSpec } from "../process/service.ts";
import type { ControlPlanePki } from "./pki.ts";

/** The address range of Services, shared by the API server, the proxy and DNS. */
const SERVICE_RANGE = "10.96.0.0/16";

/** What decides how the API server is started. */
export type KubeApiServerOptions = {
  readonly binary: string;
  /** The one address it listens on and tells pods to use. */
  readonly address: string;
  readonly port: number;
  readonly etcdPort: number;
  readonly pki: ControlPlanePki;
  readonly extraArgs?: readonly string[];
};

/** kube-apiserver with Node and RBAC authorization, trusting only client certificates and service-account tokens. */
export const kubeApiServerService = (options: KubeApiServerOptions): ServiceSpec => {
  const { pki } = options;
  const url = `https://${options.address}:${options.port}`;
  return {
    name: "kube-apiserver",
    command: [
      options.binary,
      `--bind-address=${options.address}`,
      `--secure-port=${options.port}`,
      "--authorization-mode=Node,RBAC",
      "--enable-admission-plugins=NodeRestriction",
      "--anonymous-auth=false",
      "--allow-privileged=true",
      `--service-cluster-ip-range=${SERVICE_RANGE}`,
      `--etcd-servers=https://127.0.0.1:${options.etcdPort}`,
      `--etcd-cafile=${pki.etcdCa.certFile}`,
      `--etcd-certfile=${pki.etcdClient.certFile}`,
      `--etcd-keyfile=${pki.etcdClient.keyFile}`,
      `--client-ca-file=${pki.ca.certFile}`,
      `--tls-cert-file=${pki.apiServer.certFile}`,
      `--tls-private-key-file=${pki.apiServer.keyFile}`,
      `--kubelet-certificate-authority=${pki.ca.certFile}`,
      `--kubelet-client-certificate=${pki.kubeletClient.certFile}`,
      `--kubelet-client-key=${pki.kubeletClient.keyFile}`,
      "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
      `--service-account-key-file=${pki.serviceAccountKey}`,
      `--service-account-signing-key-file=${pki.serviceAccountKey}`,
      ...(options.extraArgs ?? []),
    ],
    ready: {
      kind: "http",
      url: `${url}/readyz`,
      caFile: pki.ca.certFile,
      certFile: pki.admin.certFile,
      keyFile: pki.admin.keyFile,
    },
    readyTimeoutMs: 120_000,
    stopGraceMs: 15_000,
  };
};
