import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import { repositoryRoot } from "#platform/environment.ts";
import { bundleImage } from "#platform/images/bundle.ts";
import { freePorts } from "#platform/process/ports.ts";
import { startService, type RunningService } from "#platform/process/service.ts";
import { startNats, type NatsServer } from "#platform/stores/nats.ts";
import { startS3, type S3Server } from "#platform/stores/s3.ts";
import { serverIdentity } from "#test/integration/gateway/https-upstream.ts";
import {
  collectorKubeconfig,
  createAccount,
  createMission,
  createOwnedAgent,
  startSwarmPlane,
  tokenFor,
} from "#test/integration/gateway/swarm-plane.ts";
import { freshNamespace, type TestPlane } from "#test/integration/kubernetes/control-plane.ts";

/** An agent that exists: what its frames must say, and the token of its pod. */
export type BenchAgent = {
  readonly token: string;
  readonly stamps: Pick<Envelope, "agent_uid" | "mission_uid" | "mission" | "namespace">;
};

/** An API server, NATS and a store of blobs, for the collector that a bench starts. */
export type Swarm = {
  readonly nats: NatsServer;
  /** How the `nats` package connects to it. */
  readonly natsAddress: { readonly servers: string; readonly tls?: { readonly ca: string } };
  readonly tls: {
    readonly certFile: string;
    readonly keyFile: string;
    readonly caFile: string;
    readonly caPem: string;
  };
  /** Where a collector listens, or will. */
  readonly collectorPort: number;
  /** Starts the collector as it is shipped. */
  startCollector(): Promise<RunningService>;
  createAgents(count: number): Promise<BenchAgent[]>;
  stop(): Promise<void>;
};

const collectorEnvironment = (
  swarm: Pick<Swarm, "nats" | "tls"> & {
    s3: S3Server;
    storeCa: Record<string, string>;
    kubeconfig: string;
    namespace: string;
  },
  ports: { grpc: number; http: number; health: number },
): Record<string, string> => ({
  LOG_LEVEL: "warn",
  KUBECONFIG: swarm.kubeconfig,
  NATS_URL: swarm.nats.url,
  ...swarm.storeCa,
  S3_ENDPOINT: swarm.s3.endpoint,
  S3_BUCKET: "enchanted",
  S3_ACCESS_KEY_ID: swarm.s3.accessKey,
  S3_SECRET_ACCESS_KEY: swarm.s3.secretKey,
  ENCHANTED_RELEASE_NAMESPACE: swarm.namespace,
  ENCHANTED_LISTEN: `127.0.0.1:${ports.grpc}`,
  ENCHANTED_LISTEN_HTTP: `127.0.0.1:${ports.http}`,
  ENCHANTED_HEALTH_PORT: String(ports.health),
  ENCHANTED_TLS_CERT_FILE: swarm.tls.certFile,
  ENCHANTED_TLS_KEY_FILE: swarm.tls.keyFile,
  // What is measured is the collector, not its patience with one agent.
  ENCHANTED_AGENT_FRAMES_PER_SECOND: "1000000",
  ENCHANTED_NAMESPACE_FRAMES_PER_SECOND: "1000000",
});

const createBenchAgent = async (test: TestPlane, mission: Mission, name: string): Promise<BenchAgent> => {
  const { namespace } = mission.metadata;
  if (namespace === undefined) throw new Error("a mission is in a namespace");
  const { agent, pod } = await createOwnedAgent(test.admin, mission, name);
  const token = await tokenFor(test.admin, { namespace }, "enchanted-collector", pod);
  const { uid: mission_uid, name: missionName } = mission.metadata;
  return { token, stamps: { agent_uid: agent.metadata.uid, mission_uid, mission: missionName, namespace } };
};

/** Starts everything but the collector; NATS flushes before it acknowledges, and stores ask for TLS, as in production. */
export const startSwarm = async (
  directory: string,
  { plainStores = false }: { readonly plainStores?: boolean } = {},
): Promise<Swarm> => {
  const test = await startSwarmPlane();
  const names = ["DNS:enchanted-collector", "DNS:localhost", "IP:127.0.0.1"];
  const identity = await serverIdentity(join(directory, "pki"), "collector", names);
  const tls = { ...identity, caPem: await readFile(identity.caFile, "utf8") };
  const byTls = plainStores ? {} : { tls };
  const nats = await startNats({ dir: join(directory, "nats"), ...byTls });
  const s3 = await startS3({ dir: join(directory, "s3"), ...byTls });
  const storeCa: Record<string, string> = plainStores ? {} : { NATS_CA_FILE: tls.caFile, S3_CA_FILE: tls.caFile };
  const { namespace, kubeconfig } = await collectorKubeconfig(test);
  const [grpc = 0, http = 0, health = 0] = await freePorts(3);
  const program = join(await bundleImage(repositoryRoot, "pipeline", join(directory, "pipeline")), "main.js");
  const tenant = await freshNamespace(test.admin);
  await createAccount(test.admin, tenant);
  const mission = await createMission(test.admin, { namespace: tenant, name: "bench" });
  let made = 0;
  return {
    nats,
    natsAddress: { servers: nats.url, ...(plainStores ? {} : { tls: { ca: tls.caPem } }) },
    tls,
    collectorPort: grpc,
    startCollector: () =>
      startService(
        {
          name: "collector",
          command: [process.execPath, program, "collector"],
          env: collectorEnvironment({ nats, tls, s3, storeCa, kubeconfig, namespace }, { grpc, http, health }),
          ready: { kind: "http", url: `http://127.0.0.1:${health}/readyz` },
        },
        join(directory, "logs"),
      ),
    createAgents: async (count) => {
      const created: BenchAgent[] = [];
      for (let i = 0; i < count; i += 1) created.push(await createBenchAgent(test, mission, `agent-${(made += 1)}`));
      return created;
    },
    stop: async () => {
      await Promise.all([nats.stop(), s3.stop(), test.stop()]);
    },
  };
};
