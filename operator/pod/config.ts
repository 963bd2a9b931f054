import type { WalCut } from "#nervous-system/recorder/wal-cut.ts";

/** Requests and limits of a container, as Kubernetes writes quantities. */
type Resources = {
  requests?: Readonly<Record<string, string>>;
  limits: Readonly<Record<string, string>>;
};

/** What every pod of an agent or a verifier is made of, compiled once from the environment. */
export type PodConfig = {
  /** Image of `fetch` and `scribe`, by digest. */
  scribeImage: string;
  /** Image of agents and verifiers whose mission names none, by digest. */
  agentImage: string;
  /** PEM of the chart's CA, by which collector and gateway are known. */
  caPem: string;
  /** PEM of a further CA that the forge's certificate may come from. */
  gitCaPem?: string | undefined;
  /** Time the agent's process gets at SIGTERM, in milliseconds. */
  stopMs: number;
  /** Time the scribe gets to hand over what it holds, in milliseconds. */
  drainMs: number;
  /** Time the success criteria get, in milliseconds. */
  verifyMs: number;
  agentResources: Resources;
  /** Size of the workspace, and of the bare clone beside it. */
  workspaceSize: string;
  /** Size of the write-ahead log of the scribe. */
  walSize: string;
  /** When a scribe lets go of a frame: once it is stored in the stream, or once every store holds it. */
  walCut: WalCut;
};

/** Service and port of the collector, resolved by the pod's hostAliases. */
export const collectorHost = "enchanted-collector";
/** Service of the gateway. */
export const gatewayHost = "enchanted-gateway";
/** gRPC over TLS. */
export const collectorPort = 4317;
/** OTLP over HTTPS, for programs outside of pods: no policy of a pod allows it. */
export const collectorHttpPort = 4318;
/** HTTPS. */
export const gatewayPort = 8443;
