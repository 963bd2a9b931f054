import { readFile } from "node:fs/promises";
import { addressOf } from "#nervous-system/kernel/endpoint.ts";
import { readExtraCas, trustedCas } from "#nervous-system/kernel/trusted-cas.ts";
import { unfollowed } from "#nervous-system/kubernetes/informer-health.ts";
import { createInformer, type Informer } from "#nervous-system/kubernetes/informer.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import type { KubeObject, ResourceKind } from "#nervous-system/kubernetes/resource-kind.ts";
import { agents, missions, models } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { startComponentRecorder, type ComponentRecorder } from "#nervous-system/recorder/component.ts";
import { readRecorderOptions } from "#nervous-system/recorder/component-settings.ts";
import type { Ids } from "#nervous-system/schemas/ids.ts";
import { startHealthServer } from "#nervous-system/comms/http/health-server.ts";
import { createProcessRegistry } from "#nervous-system/telemetry/metrics.ts";
import type { PartEnvironment } from "#pipeline/environment.ts";
import { createBodyThread, type BodyThread } from "#pipeline/gateway/bodies/body-thread.ts";
import { createBodyWorks } from "#pipeline/gateway/bodies/body-works.ts";
import { createClusterView } from "#pipeline/gateway/cluster-view.ts";
import { createLookups } from "#pipeline/gateway/lookups.ts";
import { createGatewayMetrics } from "#pipeline/gateway/measure.ts";
import type { BlobWriter } from "#pipeline/gateway/ports.ts";
import { startGatewayServer } from "#pipeline/gateway/server.ts";
import type { GatewaySettings } from "#pipeline/gateway/settings.ts";
import { createTokenReviews } from "#pipeline/identity/token-reviews.ts";

/** What the gateway gets from the process that it runs in. */
type GatewayEnvironment = PartEnvironment & {
  readonly settings: GatewaySettings;
  readonly client: KubeClient;
  readonly blobs: BlobWriter;
  readonly ids: Ids;
  /** Program of the thread that reads large bodies. */
  readonly bodyProgram: URL;
};

/** A running gateway. */
export type Gateway = {
  readonly port: number;
  readonly healthPort: number;
  /** Lets running exchanges end and the record drain, within `graceMs`. */
  stop(graceMs: number): Promise<void>;
};

const MIB = 1024 * 1024;
const maxBodyBytes = 32 * MIB;
const maxAnswerBytes = 32 * MIB;
// An agent asks one thing at a time, and its helpers a few. A call costs two TLS connections, and few answers are over
// 128 KiB. An agent alone gets a quarter of the room: the largest body and 8 MiB of an answer to it. The container has 768 MiB:
// with all of it held the process was seen to take 350, and 510 at most when a body of the largest size is rewritten then.
const callLimits = { callsPerAgent: 4, bytesPerCall: MIB / 4, bytes: 160 * MIB, bytesApart: 4 * MIB };

// The worst takes a second.
const BODY_READ_MS = 20_000;

type Following = { readonly informers: readonly Informer[]; readonly stop: AbortController };

const followCluster = (environment: GatewayEnvironment) => {
  const stop = new AbortController();
  const follow = <T extends KubeObject>(kind: ResourceKind<T>): Informer<T> => {
    const informer = createInformer<T>({ ...environment, kind });
    void informer.run(stop.signal).catch((error: unknown) => {
      if (!stop.signal.aborted) environment.log.error({ err: error, kind: kind.kind }, "an informer ended");
    });
    return informer;
  };
  const caches = { agents: follow(agents), missions: follow(missions), models: follow(models) };
  const following: Following = { informers: Object.values(caches), stop };
  return { caches, following };
};

const whyUnready = ({ informers }: Following, recorder: ComponentRecorder): readonly string[] => {
  const reasons = [...unfollowed(informers)];
  if (!recorder.healthy()) reasons.push("the record waits for room on the disk");
  return reasons;
};

const startRecorder = async ({ settings, ...rest }: GatewayEnvironment): Promise<ComponentRecorder> =>
  startComponentRecorder({ ...rest, ...(await readRecorderOptions(settings)), component: "gateway" });

const startServer = async (
  environment: GatewayEnvironment,
  view: ReturnType<typeof createClusterView>,
  frames: ComponentRecorder,
  { metrics, thread }: { readonly metrics: ReturnType<typeof createGatewayMetrics>; readonly thread: BodyThread },
) => {
  const { settings, client, clock, log, blobs } = environment;
  const extraCas = await readExtraCas(settings.ENCHANTED_EXTRA_CA_FILE);
  return startGatewayServer({
    view,
    frames,
    blobs,
    clock,
    log,
    metrics,
    reviews: createTokenReviews({ client, clock }),
    operator: `system:serviceaccount:${settings.ENCHANTED_RELEASE_NAMESPACE}:${settings.ENCHANTED_OPERATOR_ACCOUNT}`,
    tls: {
      cert: await readFile(settings.ENCHANTED_TLS_CERT_FILE, "utf8"),
      key: await readFile(settings.ENCHANTED_TLS_KEY_FILE, "utf8"),
    },
    listen: addressOf(settings.ENCHANTED_LISTEN),
    addresses: {
      allowPrivate: settings.ENCHANTED_ALLOW_PRIVATE === "true",
      allowLoopback: settings.ENCHANTED_ALLOW_LOOPBACK === "true",
      allowRanges: settings.ENCHANTED_ALLOW_RANGES,
      clusterRanges: settings.ENCHANTED_CLUSTER_RANGES,
    },
    lookups: createLookups({ threads: settings.UV_THREADPOOL_SIZE, clock }),
    ca: extraCas === undefined ? undefined : trustedCas(extraCas),
    answerWithinMs: settings.ENCHANTED_MODEL_ANSWER_SECONDS * 1000,
    idleMs: settings.ENCHANTED_MODEL_IDLE_SECONDS * 1000,
    maxBodyBytes,
    maxAnswerBytes,
    callLimits,
    bodies: createBodyWorks(thread),
    limits: {
      connectMs: 10_000,
      idleMs: settings.ENCHANTED_TUNNEL_IDLE_SECONDS * 1000,
      totalMs: settings.ENCHANTED_TUNNEL_TOTAL_SECONDS * 1000,
    },
  });
};

/** Starts the gateway; resolves when it listens and knows the cluster. */
export const startGateway = async (environment: GatewayEnvironment): Promise<Gateway> => {
  const registry = createProcessRegistry();
  const recorder = await startRecorder(environment);
  const { caches, following } = followCluster(environment);
  const health = await startHealthServer({
    port: environment.healthPort,
    registry,
    unready: () => whyUnready(following, recorder),
  });
  await Promise.all(following.informers.map((informer) => informer.synced(following.stop.signal)));
  const view = createClusterView(environment.client, caches);
  const thread = createBodyThread({
    program: environment.bodyProgram,
    withinMs: BODY_READ_MS,
    clock: environment.clock,
  });
  const metrics = createGatewayMetrics(registry);
  const server = await startServer(environment, view, recorder, { metrics, thread });
  environment.log.info({ port: server.port }, "the gateway listens");
  return {
    port: server.port,
    healthPort: health.port,
    stop: async (graceMs) => {
      const startedMs = environment.clock.monotonicMs();
      await server.close(graceMs);
      await thread.close();
      following.stop.abort();
      await recorder.close(Math.max(0, graceMs - (environment.clock.monotonicMs() - startedMs)));
      await health.close();
    },
  };
};
