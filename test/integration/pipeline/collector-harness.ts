import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import { createGrpcClient, type GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { exportLogs } from "#nervous-system/comms/grpc/methods.ts";
import { createObjectStore, type ObjectStore } from "#nervous-system/stores/s3/object-store.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import type { Agent } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import type { AgentStatus } from "#nervous-system/schemas/resources/agent.ts";
import { createObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { encodeLogsRequest, type FrameRecord } from "#nervous-system/codecs/otlp/encode-logs.ts";
import { decodeExportResponse, type PartialSuccess } from "#nervous-system/codecs/otlp/status.ts";
import type { ArchiveLock } from "#pipeline/settings.ts";
import { collectorSettings } from "#pipeline/collector/settings.ts";
import { startCollector, type Collector } from "#pipeline/collector/start.ts";
import type { NatsServer } from "#platform/stores/nats.ts";
import { startS3 } from "#platform/stores/s3.ts";
import { serverIdentity } from "#test/integration/gateway/https-upstream.ts";
import {
  collectorKubeconfig,
  createAccount,
  createMission,
  createOwnedAgent,
  tokenFor,
} from "#test/integration/gateway/swarm-plane.ts";
import { clientOn, freshNamespace, type TestPlane } from "#test/integration/kubernetes/control-plane.ts";
import { connectTestBus, temporaryDirectory, type Cleanup } from "./bus-harness.ts";
import { chainBuilder } from "./chain-builder.ts";
import { outgoing } from "./outgoing.ts";

/** A collector under exactly its own rights, with what stands behind it. */
export type TestCollector = {
  readonly collector: Collector;
  readonly bus: Bus;
  readonly blobs: ObjectStore;
  readonly releaseNamespace: string;
  /** PEM file with the CA of its certificate. */
  readonly caFile: string;
  /** A client that verifies the collector's certificate and sends this token. */
  clientOf(token: string | undefined): GrpcClient;
};

/** Where the collector sends spans, how much one agent may send, what the stream may hold, the blobs of a namespace, and its reader. */
export type CollectorOptions = {
  /** How the archive is locked. */
  readonly lock?: ArchiveLock;
  readonly traces?: string;
  readonly framesPerSecond?: number;
  readonly streamBytes?: number;
  readonly blobBytes?: number;
  /** Opens the reader that recall is asked of, for the collector of this release. */
  readonly reader?: (releaseNamespace: string) => Promise<GrpcClient>;
};

const startBlobs = async (cleanup: Cleanup): Promise<ObjectStore> => {
  const s3 = await startS3({ dir: await temporaryDirectory(cleanup) });
  cleanup.add(() => s3.stop());
  const { endpoint, region, accessKey: accessKeyId, secretKey: secretAccessKey } = s3;
  const client = createObjectClient({ endpoint, region, bucket: "enchanted", accessKeyId, secretAccessKey });
  cleanup.add(() => client.close());
  await client.ensureBucket();
  return createObjectStore({ client, spoolDir: await temporaryDirectory(cleanup) });
};

/** Starts a collector against an API server and a NATS server. */
export const startTestCollector = async (
  test: TestPlane,
  nats: NatsServer,
  cleanup: Cleanup,
  options: CollectorOptions = {},
): Promise<TestCollector> => {
  const clock = systemClock();
  const { namespace: releaseNamespace, kubeconfig } = await collectorKubeconfig(test);
  const { client, close } = clientOn({ kind: "file", path: kubeconfig });
  cleanup.add(close);
  const dir = await temporaryDirectory(cleanup);
  const tls = await serverIdentity(join(dir, "pki"), "collector", ["DNS:enchanted-collector", "IP:127.0.0.1"]);
  const blobs = await startBlobs(cleanup);
  const bus = await connectTestBus(nats, cleanup, options.streamBytes);
  const settings = collectorSettings.parse({
    ENCHANTED_RELEASE_NAMESPACE: releaseNamespace,
    ENCHANTED_LISTEN: "127.0.0.1:0",
    ENCHANTED_LISTEN_HTTP: "127.0.0.1:0",
    ENCHANTED_TLS_CERT_FILE: tls.certFile,
    ENCHANTED_TLS_KEY_FILE: tls.keyFile,
    ENCHANTED_TRACES_ENDPOINT: options.traces,
    ENCHANTED_AGENT_FRAMES_PER_SECOND: options.framesPerSecond,
    ARCHIVE_LOCK_MODE: options.lock?.mode,
    ARCHIVE_LOCK_DAYS: options.lock?.days,
    ENCHANTED_NAMESPACE_BLOB_BYTES: options.blobBytes?.toString(),
  });
  const own = await connectTestBus(nats, cleanup, options.streamBytes);
  const collector = await startCollector({
    settings,
    client,
    connectBus: () => Promise.resolve(own),
    blobs,
    reader: await options.reader?.(releaseNamespace),
    clock,
    random: Math.random,
    log: silentLog,
    healthPort: 0,
  });
  cleanup.add(() => collector.stop(1_000));
  const caPem = await readFile(tls.caFile, "utf8");
  const clientOf = (token: string | undefined): GrpcClient => {
    const made = createGrpcClient({
      address: `127.0.0.1:${collector.port}`,
      caPem,
      serverName: "enchanted-collector",
      ...(token === undefined ? {} : { token: () => Promise.resolve(token) }),
      clock,
    });
    cleanup.add(() => made.close());
    return made;
  };
  return { collector, bus, blobs, releaseNamespace, caFile: tls.caFile, clientOf };
};

/** An agent at work: its chain, its token, and its client to the collector. */
export type TestAgent = {
  readonly agent: Agent;
  readonly token: string;
  readonly client: GrpcClient;
  readonly chain: ReturnType<typeof chainBuilder>;
};

/** Creates a namespace with a mission in it and its owner's uid. */
export const missionIn = async (
  test: TestPlane,
): Promise<{ namespace: string; mission: Awaited<ReturnType<typeof createMission>> }> => {
  const namespace = await freshNamespace(test.admin);
  await createAccount(test.admin, namespace);
  return { namespace, mission: await createMission(test.admin, { namespace, name: "fix" }) };
};

/** Creates an Agent, its pod and its token, as operator and kubelet would; `status` changes what the operator wrote. */
export const startTestAgent = async (
  test: TestPlane,
  collector: TestCollector,
  { namespace, mission }: Awaited<ReturnType<typeof missionIn>>,
  name: string,
  status?: (podUid: string) => AgentStatus,
): Promise<TestAgent> => {
  const { agent, pod } = await createOwnedAgent(test.admin, mission, name, status);
  const token = await tokenFor(test.admin, { namespace }, "enchanted-collector", pod);
  const chain = chainBuilder({
    agent_uid: agent.metadata.uid,
    mission_uid: mission.metadata.uid,
    mission: mission.metadata.name,
    namespace,
  });
  return { agent, token, client: collector.clientOf(token), chain };
};

/** Exports frames; rejects with `GrpcFailure`. */
export const send = async (
  client: GrpcClient,
  frames: readonly (RecordedFrame | FrameRecord)[],
): Promise<PartialSuccess | undefined> => {
  const request = encodeLogsRequest(frames.map((frame) => ("envelopeText" in frame ? outgoing(frame) : frame)));
  return decodeExportResponse(await client.unary(exportLogs, request, { deadlineMs: 20_000 }));
};
