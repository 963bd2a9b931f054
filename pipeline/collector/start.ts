import { readFile } from "node:fs/promises";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import type { GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { GrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import type { MessageShare } from "#nervous-system/comms/grpc/message-share.ts";
import { exportTraces, namespaceMetadata } from "#nervous-system/comms/grpc/methods.ts";
import { openDoorway } from "#nervous-system/comms/socket/doorway.ts";
import { startGrpcServer, type AskingCall } from "#nervous-system/comms/grpc/server.ts";
import type { ObjectStore } from "#nervous-system/stores/s3/object-store.ts";
import { startOtlpHttpServer } from "#nervous-system/comms/http/otlp-server.ts";
import { otlpGrpcHandlers, type OtlpReceiver } from "#nervous-system/comms/grpc/otlp-service.ts";
import { unfollowed } from "#nervous-system/kubernetes/informer-health.ts";
import { createInformer, type Informer } from "#nervous-system/kubernetes/informer.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { keyOf } from "#nervous-system/kubernetes/resource-kind.ts";
import type { Indexer } from "#nervous-system/kubernetes/store.ts";
import { agents, type Agent } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { createRedactor } from "#nervous-system/recorder/redact.ts";
import { startHealthServer } from "#nervous-system/comms/http/health-server.ts";
import { createProcessRegistry } from "#nervous-system/telemetry/metrics.ts";
import type { PartEnvironment } from "#pipeline/environment.ts";
import { createTokenReviews } from "#pipeline/identity/token-reviews.ts";
import { openBackend } from "#pipeline/collector/backend.ts";
import { createAdmission, type Admission } from "#pipeline/collector/admission.ts";
import { createAskRecall } from "#pipeline/collector/ask-recall.ts";
import { createBlobQuota, type BlobLimits } from "#pipeline/collector/blob-quota.ts";
import { createBlobShare } from "#pipeline/collector/blob-share.ts";
import { isComponent } from "#pipeline/collector/caller.ts";
import { createChainOwners, type ChainOwners } from "#pipeline/collector/chain-owners.ts";
import { createContextService, useOf } from "#pipeline/collector/context-service.ts";
import { createExportLogs } from "#pipeline/collector/export-logs.ts";
import { createExportMetrics } from "#pipeline/collector/export-metrics.ts";
import { createExportTraces } from "#pipeline/collector/export-traces.ts";
import { createIdentify, type Identify } from "#pipeline/collector/identify.ts";
import { createInbox } from "#pipeline/collector/inbox.ts";
import { createCollectorMetrics, type CollectorMetrics } from "#pipeline/collector/measure.ts";
import { createRecall } from "#pipeline/collector/recall.ts";
import { createRecordState } from "#pipeline/collector/record-state.ts";
import { archiveLock } from "#pipeline/settings.ts";
import type { CollectorSettings } from "#pipeline/collector/settings.ts";
import { followStreamFill } from "#pipeline/collector/stream-fill.ts";
import { createStreamQuota, type StreamQuota } from "#pipeline/collector/stream-quota.ts";
import { settlingReaders } from "#pipeline/siphon/sinks.ts";
import { createErase } from "./erase.ts";
import { createErasures, createExternalFrames } from "./external-frames.ts";
import { createAdmitExternalClient } from "./external-clients.ts";

/** What the collector gets from the process that it runs in. */
export type CollectorEnvironment = PartEnvironment & {
  readonly settings: CollectorSettings;
  readonly client: KubeClient;
  /** Connects to NATS and sees to the streams, however long that takes. */
  readonly connectBus: () => Promise<Bus>;
  readonly blobs: ObjectStore;
  /** A client of the reader that sends the collector's own token; without it nothing is recalled. */
  readonly reader?: GrpcClient | undefined;
};

/** A running collector. */
export type Collector = {
  /** Port of gRPC. */
  readonly port: number;
  /** Port of OTLP over HTTP. */
  readonly httpPort: number;
  readonly healthPort: number;
  /** Accepts nothing new and finishes what was accepted, within `graceMs`. */
  stop(graceMs: number): Promise<void>;
};

const MAX_IN_FLIGHT_BYTES = 128 * 1024 * 1024;
/** Some exports of scribes, as large as they make them. */
const IN_FLIGHT_BYTES_APART = 8 * 1024 * 1024;
/** Below the size of the volume that blobs lie on until they are whole. */
const SPOOL_BYTES = 2048 * 1024 * 1024;
const SPANS_DEADLINE_MS = 10_000;

const byUid: Readonly<Record<"uid", Indexer<Agent>>> = { uid: ({ metadata }) => [metadata.uid] };

const followAgents = (environment: CollectorEnvironment, signal: AbortSignal): Informer<Agent> => {
  const informer = createInformer<Agent>({ ...environment, kind: agents, indexers: byUid });
  void informer.run(signal).catch((error: unknown) => {
    if (!signal.aborted) environment.log.error({ err: error }, "following Agents ended");
  });
  return informer;
};

const identifyBy = (environment: CollectorEnvironment, informer: Informer<Agent>): Identify => {
  const { client, clock, settings } = environment;
  return createIdentify({
    reviews: createTokenReviews({ client, clock, anyUser: true }),
    lookup: {
      agent: (ref) => informer.get(keyOf(ref)),
      agentNow: (ref) => client.find(agents, ref),
    },
    admitExternalClient: createAdmitExternalClient({ client, clock }),
    releaseNamespace: settings.ENCHANTED_RELEASE_NAMESPACE,
    clock,
  });
};

const backendsOf = async ({ settings, clock }: CollectorEnvironment) => ({
  traces: await openBackend(settings.ENCHANTED_TRACES_ENDPOINT, settings.ENCHANTED_TRACES_CA_FILE, clock),
  metrics: await openBackend(settings.ENCHANTED_METRICS_ENDPOINT, settings.ENCHANTED_METRICS_CA_FILE, clock),
});

/** What the handlers of one collector share. */
type Parts = {
  readonly identify: Identify;
  readonly owners: ChainOwners;
  readonly admission: Admission;
  readonly quota: StreamQuota;
  readonly bus: Bus;
  readonly metricsBackend: GrpcClient | undefined;
  readonly metrics: CollectorMetrics;
};

const admissionOf = ({ clock, settings }: CollectorEnvironment): Admission => {
  const limits = {
    maxInFlightBytes: MAX_IN_FLIGHT_BYTES,
    inFlightBytesApart: IN_FLIGHT_BYTES_APART,
    framesPerSecond: settings.ENCHANTED_AGENT_FRAMES_PER_SECOND,
    namespaceFramesPerSecond: settings.ENCHANTED_NAMESPACE_FRAMES_PER_SECOND,
  };
  return createAdmission(limits, clock);
};

const blobLimitsOf = (settings: CollectorSettings): BlobLimits => ({
  agentBytesPerSecond: settings.ENCHANTED_AGENT_BLOB_BYTES_PER_SECOND,
  namespaceBytesPerSecond: settings.ENCHANTED_NAMESPACE_BLOB_BYTES_PER_SECOND,
  diskBytes: SPOOL_BYTES,
});

const receiverOf = ({ clock, log }: CollectorEnvironment, parts: Parts): OtlpReceiver => {
  const { identify, owners, admission, quota, bus, metrics } = parts;
  const { publisher, unchained, deadLetters, spans } = bus;
  const compose = createExternalFrames({ clock, redactor: createRedactor([]) });
  const sinks = { publisher, unchained, deadLetters, spans, compose };
  return {
    logs: createExportLogs({ identify, owners, admission, quota, sinks, metrics }),
    traces: createExportTraces({ identify, admission, quota, sinks, metrics, log }),
    metrics: createExportMetrics({ identify, admission, backend: parts.metricsBackend, metrics }),
  };
};

const startServers = async (environment: CollectorEnvironment, parts: Parts) => {
  const { settings, clock, log, blobs, reader } = environment;
  const { identify, owners, admission, quota, bus, metrics } = parts;
  const receiver = receiverOf(environment, parts);
  const blobQuota = createBlobQuota(blobLimitsOf(settings), clock);
  const maxBytes = settings.ENCHANTED_NAMESPACE_BLOB_BYTES;
  const blobShare = createBlobShare({ maxBytes, counted: bus.blobBytes, metrics, log });
  const tls = {
    cert: await readFile(settings.ENCHANTED_TLS_CERT_FILE, "utf8"),
    key: await readFile(settings.ENCHANTED_TLS_KEY_FILE, "utf8"),
  };
  const onError = (method: string, error: unknown): void =>
    log.error({ err: error, method }, "a call failed unexpectedly");
  const handlers = [
    ...otlpGrpcHandlers(receiver),
    ...createContextService({ identify, owners, bus, blobs, blobQuota, blobShare, sinks: settlingReaders }),
    createRecordState({
      identify,
      bus,
      clock,
      sinks: settlingReaders,
      releaseNamespace: settings.ENCHANTED_RELEASE_NAMESPACE,
    }),
    createInbox({ identify, bus }),
    createErase({
      identify,
      admission,
      quota,
      unchained: bus.unchained,
      compose: createErasures({ clock, redactor: createRedactor([]) }),
      clock,
      lock: archiveLock(settings),
    }),
    createRecall({ identify, ask: reader && createAskRecall(reader), clock }),
  ];
  const admit = async ({ token, metadata, source, path }: AskingCall): Promise<MessageShare | undefined> => {
    // Handlers identify their caller themselves, from what is known by then.
    const call = { source, use: useOf(path) };
    const caller = await identify(token, metadata(namespaceMetadata), call).catch((error: unknown) => {
      if (error instanceof GrpcFailure) metrics.exportsRefused.inc({ code: String(error.code) });
      throw error;
    });
    // What works for all has bounds of its own.
    return isComponent(caller) ? undefined : admission.receive(caller);
  };
  const onCut = (reason: string): void => metrics.connectionsCut.inc({ reason });
  const shared = () => ({ tls, admit, onError, clock, doorway: openDoorway({ clock, onCut }) });
  const grpc = await startGrpcServer({ ...shared(), address: settings.ENCHANTED_LISTEN, handlers });
  const http = await startOtlpHttpServer({ ...shared(), address: settings.ENCHANTED_LISTEN_HTTP, receiver });
  return { grpc, http };
};

/** Brings stored spans to the trace backend, if there is one. */
const forwardSpans = (bus: Bus, backend: GrpcClient | undefined, metrics: CollectorMetrics, signal: AbortSignal) => {
  if (backend === undefined) return Promise.resolve();
  return bus.spans.forward({
    name: "traces",
    signal,
    onLost: () => metrics.spansLost.inc(),
    send: async (request) => {
      await backend.unary(exportTraces, request, { deadlineMs: SPANS_DEADLINE_MS });
      metrics.spansForwarded.inc();
    },
  });
};

/** Starts the collector; resolves when it listens and knows the Agents. */
export const startCollector = async (environment: CollectorEnvironment): Promise<Collector> => {
  const { log, clock } = environment;
  const registry = createProcessRegistry();
  const following = new AbortController();
  const informer = followAgents(environment, following.signal);
  let connected: Bus | undefined;
  const health = await startHealthServer({
    port: environment.healthPort,
    registry,
    unready: () => [
      ...(connected?.connected() === true ? [] : ["NATS is not reachable, or its streams are not set up yet"]),
      ...unfollowed([informer]),
    ],
  });
  const [bus] = await Promise.all([environment.connectBus(), informer.synced(following.signal)]);
  const metrics = createCollectorMetrics(registry);
  const backends = await backendsOf(environment);
  const owners = createChainOwners({ bus, isAgent: (uid) => informer.byIndex("uid", uid).length > 0 });
  const [identify, admission] = [identifyBy(environment, informer), admissionOf(environment)];
  const quota = createStreamQuota(followStreamFill(bus, clock, following.signal), clock);
  const parts = { identify, owners, admission, quota, bus, metricsBackend: backends.metrics, metrics };
  const { grpc, http } = await startServers(environment, parts);
  const forwarding = forwardSpans(bus, backends.traces, metrics, following.signal);
  connected = bus;
  log.info({ port: grpc.port, httpPort: http.port }, "the collector listens");
  return {
    port: grpc.port,
    httpPort: http.port,
    healthPort: health.port,
    stop: async (graceMs) => {
      await Promise.all([grpc.close(graceMs), http.close(graceMs)]);
      following.abort();
      await forwarding;
      backends.traces?.close();
      backends.metrics?.close();
      environment.reader?.close();
      await bus.close();
      await health.close();
    },
  };
};
