import { readFile } from "node:fs/promises";
import type { Bus } from "#nervous-system/comms/bus.ts";
import { createGrpcClient, type GrpcClient } from "#nervous-system/comms/grpc-client.ts";
import { startGrpcServer, type GrpcHandler } from "#nervous-system/comms/grpc-server.ts";
import type { ObjectStore } from "#nervous-system/comms/object-store.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { createInformer, type Informer } from "#nervous-system/kubernetes/informer.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { keyOf } from "#nervous-system/kubernetes/resource-kind.ts";
import { agents, type Agent } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { startHealthServer } from "#nervous-system/telemetry/health-server.ts";
import { createRegistry } from "#nervous-system/telemetry/metrics.ts";
import { createTokenReviews } from "#pipeline/identity/token-reviews.ts";
import { createAdmission } from "#pipeline/collector/admission.ts";
import { createContextService } from "#pipeline/collector/context-service.ts";
import { createExportLogs } from "#pipeline/collector/export-logs.ts";
import { createExportTraces } from "#pipeline/collector/export-traces.ts";
import { createIdentify, type Identify } from "#pipeline/collector/identify.ts";
import { createCollectorMetrics, type CollectorMetrics } from "#pipeline/collector/measure.ts";
import type { CollectorSettings } from "#pipeline/collector/settings.ts";

/** What the collector gets from the process that it runs in. */
export type CollectorEnvironment = {
  readonly settings: CollectorSettings;
  readonly client: KubeClient;
  /** Connects to NATS and sees to the streams, however long that takes. */
  readonly connectBus: () => Promise<Bus>;
  readonly blobs: ObjectStore;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  /** Port of /metrics, /healthz and /readyz. */
  readonly healthPort: number;
};

/** A running collector. */
export type Collector = {
  readonly port: number;
  readonly healthPort: number;
  /** Accepts nothing new and finishes what was accepted, within `graceMs`. */
  stop(graceMs: number): Promise<void>;
};

const MAX_IN_FLIGHT_BYTES = 128 * 1024 * 1024;

const followAgents = (environment: CollectorEnvironment, signal: AbortSignal): Informer<Agent> => {
  const informer = createInformer<Agent>({ ...environment, kind: agents });
  void informer.run(signal).catch((error: unknown) => {
    if (!signal.aborted) environment.log.error({ err: error }, "following Agents ended");
  });
  return informer;
};

const identifyBy = (environment: CollectorEnvironment, informer: Informer<Agent>): Identify => {
  const { client, clock, settings } = environment;
  return createIdentify({
    reviews: createTokenReviews({ client, clock }),
    lookup: {
      agent: (ref) => informer.get(keyOf(ref)),
      agentNow: (ref) => client.find(agents, ref),
    },
    releaseNamespace: settings.ENCHANTED_RELEASE_NAMESPACE,
  });
};

const traceBackend = ({ settings, clock }: CollectorEnvironment): GrpcClient | undefined => {
  const address = settings.ENCHANTED_TRACES_ENDPOINT?.replace("http://", "");
  return address === undefined ? undefined : createGrpcClient({ address, clock });
};

const handlersOf = (
  environment: CollectorEnvironment,
  parts: { identify: Identify; bus: Bus; backend: GrpcClient | undefined; metrics: CollectorMetrics },
) => {
  const { blobs, clock, log, settings } = environment;
  const { identify, bus, backend, metrics } = parts;
  const framesPerSecond = settings.ENCHANTED_AGENT_FRAMES_PER_SECOND;
  const admission = createAdmission({ maxInFlightBytes: MAX_IN_FLIGHT_BYTES, framesPerSecond }, clock);
  return [
    createExportLogs({ identify, admission, sinks: bus, metrics }),
    createExportTraces({ identify, backend, metrics, log }),
    ...createContextService({ identify, bus, blobs }),
  ];
};

const startServer = async (environment: CollectorEnvironment, handlers: readonly GrpcHandler[]) => {
  const { settings, clock, log } = environment;
  return startGrpcServer({
    address: settings.ENCHANTED_LISTEN,
    tls: {
      cert: await readFile(settings.ENCHANTED_TLS_CERT_FILE, "utf8"),
      key: await readFile(settings.ENCHANTED_TLS_KEY_FILE, "utf8"),
    },
    handlers,
    onError: (method, error) => log.error({ err: error, method }, "a call failed unexpectedly"),
    clock,
  });
};

/** Starts the collector; resolves when it listens and knows the Agents. */
export const startCollector = async (environment: CollectorEnvironment): Promise<Collector> => {
  const { log } = environment;
  const registry = createRegistry();
  const following = new AbortController();
  const informer = followAgents(environment, following.signal);
  let connected: Bus | undefined;
  const health = await startHealthServer({
    port: environment.healthPort,
    registry,
    unready: () => [
      ...(connected?.connected() === true ? [] : ["NATS is not reachable, or its streams are not set up yet"]),
      ...(informer.hasSynced() ? [] : ["Agents are not known: the API server has not answered yet"]),
    ],
  });
  const [bus] = await Promise.all([environment.connectBus(), informer.synced(following.signal)]);
  const backend = traceBackend(environment);
  const identify = identifyBy(environment, informer);
  const metrics = createCollectorMetrics(registry);
  const server = await startServer(environment, handlersOf(environment, { identify, bus, backend, metrics }));
  connected = bus;
  log.info({ port: server.port }, "the collector listens");
  return {
    port: server.port,
    healthPort: health.port,
    stop: async (graceMs) => {
      await server.close(graceMs);
      following.abort();
      backend?.close();
      await bus.close();
      await health.close();
    },
  };
};
