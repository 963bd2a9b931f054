import type { ServiceSpec } from "../process/service.ts";
import type { ControlPlanePki } from "./pki.ts";

/** What decides how etcd is started; it listens on loopback only. */
export type EtcdOptions = {
  readonly binary: string;
  readonly dataDir: string;
  readonly clientPort: number;
  readonly peerPort: number;
  readonly pki: ControlPlanePki;
  /** Leaves out fsync: for tests, whose data need not outlive the machine. */
  readonly unsafeNoFsync?: boolean;
};

/** etcd with mutual TLS on loopback. */
export const etcdService = (options: EtcdOptions): ServiceSpec => {
  const { pki } = options;
  const client = `https://127.0.0.1:${options.clientPort}`;
  const peer = `https://127.0.0.1:${options.peerPort}`;
  return {
    name: "etcd",
    command: [
      options.binary,
      "--name=node",
      `--data-dir=${options.dataDir}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=node=${peer}`,
      "--client-cert-auth",
      `--trusted-ca-file=${pki.etcdCa.certFile}`,
      `--cert-file=${pki.etcd.certFile}`,
      `--key-file=${pki.etcd.keyFile}`,
      "--peer-client-cert-auth",
      `--peer-trusted-ca-file=${pki.etcdCa.certFile}`,
      `--peer-cert-file=${pki.etcd.certFile}`,
      `--peer-key-file=${pki.etcd.keyFile}`,
      "--auto-compaction-retention=1h",
      "--log-level=warn",
      ...(options.unsafeNoFsync === true ? ["--unsafe-no-fsync"] : []),
    ],
    ready: {
      kind: "http",
      url: `${client}/health`,
      caFile: pki.etcdCa.certFile,
      certFile: pki.etcdClient.certFile,
      keyFile: pki.etcdClient.keyFile,
    },
  };
};
