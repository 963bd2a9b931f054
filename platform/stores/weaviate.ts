import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { KeyPair } from "../cluster/certificates.ts";
import { freePorts } from "../process/ports.ts";
import { startRestartable, type Restartable } from "../process/restartable.ts";
import type { ServiceSpec } from "../process/service.ts";
import { ensureTool } from "../tools/ensure-tool.ts";

/** A running Weaviate with its one key. */
export type WeaviateServer = Restartable & {
  /** Its REST interface, `http(s)://host:port`; the host is `localhost` where it has a certificate. */
  readonly url: string;
  /** Its gRPC interface, in the same form. */
  readonly grpcUrl: string;
  readonly apiKey: string;
};

/** What decides how it is started. */
export type WeaviateOptions = {
  readonly dir: string;
  /** Serve both interfaces by TLS, by these files; in plain text without them. */
  readonly tls?: KeyPair & { readonly caFile: string };
};

type Ports = Readonly<Record<"rest" | "grpc" | "gossip" | "data" | "raft" | "raftRpc", number>>;

const API_KEY = "enchanted-test-secret";

const restArguments = (port: number, tls: KeyPair | undefined): string[] =>
  tls === undefined
    ? ["--scheme=http", "--host=127.0.0.1", `--port=${port}`]
    : [
        "--scheme=https",
        "--tls-host=127.0.0.1",
        `--tls-port=${port}`,
        `--tls-certificate=${tls.certFile}`,
        `--tls-key=${tls.keyFile}`,
      ];

/**
 * One node that is a cluster by itself: its ports of gossip, data and raft are its own, since two nodes that find each other would
 * join. gRPC and the data port listen on every interface, which cannot be changed; both ask for a secret.
 */
const environmentOf = (dir: string, ports: Ports, tls: KeyPair | undefined): Record<string, string> => ({
  PERSISTENCE_DATA_PATH: join(dir, "data"),
  GRPC_PORT: String(ports.grpc),
  ...(tls && { GRPC_CERT_FILE: tls.certFile, GRPC_KEY_FILE: tls.keyFile }),
  AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED: "false",
  AUTHENTICATION_APIKEY_ENABLED: "true",
  AUTHENTICATION_APIKEY_ALLOWED_KEYS: API_KEY,
  AUTHENTICATION_APIKEY_USERS: "enchanted",
  CLUSTER_HOSTNAME: "enchanted",
  CLUSTER_IN_LOCALHOST: "true",
  CLUSTER_BIND_ADDR: "127.0.0.1",
  CLUSTER_ADVERTISE_ADDR: "127.0.0.1",
  CLUSTER_GOSSIP_BIND_PORT: String(ports.gossip),
  CLUSTER_DATA_BIND_PORT: String(ports.data),
  CLUSTER_BASIC_AUTH_USERNAME: "enchanted",
  CLUSTER_BASIC_AUTH_PASSWORD: API_KEY,
  RAFT_PORT: String(ports.raft),
  RAFT_INTERNAL_RPC_PORT: String(ports.raftRpc),
  RAFT_BOOTSTRAP_EXPECT: "1",
  // A collection that is not there is an error, not made by a guess.
  AUTOSCHEMA_ENABLED: "false",
  DISABLE_TELEMETRY: "true",
  GO_PROFILING_DISABLE: "true",
  GOMEMLIMIT: "512MiB",
  LOG_LEVEL: "warning",
});

/** Weaviate with its REST interface on loopback. */
const weaviateService = (binary: string, { dir, tls }: WeaviateOptions, ports: Ports): ServiceSpec => ({
  name: "weaviate",
  command: [binary, ...restArguments(ports.rest, tls)],
  cwd: dir,
  env: environmentOf(dir, ports, tls),
  // It listens before it has a leader, without whom it answers nothing about collections.
  ready: {
    kind: "http",
    url: `${tls ? "https://localhost" : "http://127.0.0.1"}:${ports.rest}/v1/.well-known/ready`,
    ...(tls && { caFile: tls.caFile }),
  },
  readyTimeoutMs: 120_000,
});

/** Starts Weaviate on free ports and answers when it is ready. */
export const startWeaviate = async (options: WeaviateOptions): Promise<WeaviateServer> => {
  await mkdir(join(options.dir, "data"), { recursive: true });
  const [rest = 0, grpc = 0, gossip = 0, data = 0, raft = 0, raftRpc = 0] = await freePorts(6);
  const spec = weaviateService(await ensureTool("weaviate"), options, { rest, grpc, gossip, data, raft, raftRpc });
  const server = await startRestartable(spec, join(options.dir, "logs"));
  const base = options.tls ? "https://localhost" : "http://127.0.0.1";
  return Object.defineProperties(server, {
    url: { value: `${base}:${rest}`, enumerable: true },
    grpcUrl: { value: `${base}:${grpc}`, enumerable: true },
    apiKey: { value: API_KEY, enumerable: true },
  }) as WeaviateServer;
};
