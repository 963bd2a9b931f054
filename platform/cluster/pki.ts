import { join } from "node:path";
import { ensureAuthority, ensureCertificate, ensureSigningKey, type Identity, type KeyPair } from "./certificates.ts";

/** The keys and certificates of one control plane. */
export type ControlPlanePki = {
  readonly dir: string;
  readonly ca: KeyPair;
  readonly etcdCa: KeyPair;
  readonly etcd: KeyPair;
  readonly etcdClient: KeyPair;
  readonly apiServer: KeyPair;
  readonly kubeletClient: KeyPair;
  readonly admin: KeyPair;
  readonly serviceAccountKey: string;
  /** Issues a client certificate that Kubernetes knows as the given user. */
  issue(identity: Identity): Promise<KeyPair>;
};

/** Makes, or finds, everything that etcd and the API server prove themselves with. */
export const ensureControlPlanePki = async (
  dir: string,
  apiServerAltNames: readonly string[],
): Promise<ControlPlanePki> => {
  const ca = await ensureAuthority(dir, "kubernetes-ca");
  // etcd trusts an authority of its own: no client certificate of the cluster opens it.
  const etcdCa = await ensureAuthority(dir, "etcd-ca");
  const issue = (identity: Identity): Promise<KeyPair> => ensureCertificate(dir, ca, identity);
  const loopback = ["IP:127.0.0.1", "DNS:localhost"];
  return {
    dir,
    ca,
    etcdCa,
    etcd: await ensureCertificate(dir, etcdCa, {
      name: "etcd",
      commonName: "etcd",
      altNames: loopback,
    }),
    etcdClient: await ensureCertificate(dir, etcdCa, {
      name: "etcd-client",
      commonName: "kube-apiserver",
    }),
    apiServer: await issue({
      name: "kube-apiserver",
      commonName: "kube-apiserver",
      altNames: [...loopback, ...apiServerAltNames],
    }),
    kubeletClient: await issue({
      name: "kubelet-client",
      commonName: "kube-apiserver-kubelet-client",
      organizations: ["system:masters"],
    }),
    admin: await issue({ name: "admin", commonName: "admin", organizations: ["system:masters"] }),
    serviceAccountKey: await ensureSigningKey(dir, "service-account"),
    issue,
  };
};

/** The path of a component's kubeconfig, beside the keys it is made of. */
export const kubeconfigPathIn = (pkiDir: string, name: string): string => join(pkiDir, `${name}.kubeconfig`);
