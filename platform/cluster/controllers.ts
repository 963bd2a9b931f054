import type { ServiceSpec } from "../process/service.ts";
import { node } from "./layout.ts";
import type { ControlPlanePki } from "./pki.ts";

/** What every controller process is started with. */
export type ControllerOptions = {
  readonly binary: string;
  readonly kubeconfig: string;
  /** Loopback port of health and metrics. */
  readonly port: number;
  readonly pki: ControlPlanePki;
};

const healthOf = ({ port, pki }: ControllerOptions): ServiceSpec["ready"] => ({
  kind: "http",
  url: `https://localhost:${port}/healthz`,
  caFile: pki.ca.certFile,
});

const commonArgs = ({ kubeconfig, port, pki }: ControllerOptions): string[] => [
  `--kubeconfig=${kubeconfig}`,
  `--authentication-kubeconfig=${kubeconfig}`,
  `--authorization-kubeconfig=${kubeconfig}`,
  "--bind-address=127.0.0.1",
  `--secure-port=${port}`,
  // The API server's certificate is good for loopback too and serves the health endpoint here.
  `--tls-cert-file=${pki.apiServer.certFile}`,
  `--tls-private-key-file=${pki.apiServer.keyFile}`,
  // One node has one of each: nobody to elect.
  "--leader-elect=false",
];

/** kube-controller-manager. */
export const controllerManagerService = (options: ControllerOptions): ServiceSpec => ({
  name: "kube-controller-manager",
  command: [
    options.binary,
    ...commonArgs(options),
    "--use-service-account-credentials=true",
    `--root-ca-file=${options.pki.ca.certFile}`,
    `--service-account-private-key-file=${options.pki.serviceAccountKey}`,
    `--cluster-signing-cert-file=${options.pki.ca.certFile}`,
    `--cluster-signing-key-file=${options.pki.ca.keyFile}`,
    "--allocate-node-cidrs=true",
    `--cluster-cidr=${node.podRange}`,
  ],
  ready: healthOf(options),
});

/** kube-scheduler. */
export const schedulerService = (options: ControllerOptions): ServiceSpec => ({
  name: "kube-scheduler",
  command: [options.binary, ...commonArgs(options)],
  ready: healthOf(options),
});
