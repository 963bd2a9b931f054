import { writeFile } from "node:fs/promises";
import { createGrpcClient, type GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import type { GrpcServer } from "#nervous-system/comms/grpc/server.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { addressOf } from "#nervous-system/kernel/endpoint.ts";
import { createSemaphore } from "#nervous-system/kernel/semaphore.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import type { RecorderIdentity } from "#nervous-system/recorder/compose.ts";
import { createRedactor } from "#nervous-system/recorder/redact.ts";
import { startRecording, type Recording } from "#nervous-system/recorder/recording.ts";
import { tokenFrom } from "#nervous-system/recorder/token-file.ts";
import { createCollectorUplink } from "#nervous-system/recorder/uplink.ts";
import { createNodeDisk } from "#nervous-system/recorder/wal/node-disk.ts";
import { createNodeProcesses } from "#nervous-system/recorder/wal/node-processes.ts";
import type { Ids } from "#nervous-system/schemas/ids.ts";
import type { HttpServer } from "#nervous-system/comms/http/serve.ts";
import type { ScribeConfig } from "./config.ts";
import { awaitHeldPorts, unheldPorts } from "./held-ports.ts";
import { createLifecycle, createRefusals, watchStalls, type Lifecycle, type Refusals } from "./reports.ts";
import { listenForFrames, type FrameSocketServer } from "./inputs/frame-socket.ts";
import { listenForService } from "./inputs/context-service.ts";
import { listenForModels } from "./inputs/model-port.ts";
import { createOtlpInput } from "./inputs/otlp-input.ts";
import { listenForOtlp, passMetricsTo, sendSpansTo, type OtlpPorts } from "./inputs/otlp-ports.ts";
import { createSpanQueue, type SpanQueue } from "./inputs/span-queue.ts";
import { startConnectProxy, type ConnectProxy } from "./tunnel/connect-proxy.ts";
import { createFrameCounters, startScribeHealth, type ScribeHealth, type FrameCounters } from "./health.ts";

/** What a scribe needs beside its configuration. */
export type ScribeOptions = { config: ScribeConfig; clock: Clock; ids: Ids; random: () => number; log: Log };

/** A running scribe. */
export type Scribe = {
  /** Drains within the configured time, leaves the termination message and ends. */
  stop(): Promise<void>;
};

type Inputs = {
  socket: FrameSocketServer;
  service: GrpcServer;
  otlp: OtlpPorts;
  spans: SpanQueue;
  models: HttpServer;
  proxy: ConnectProxy | undefined;
  health: ScribeHealth;
  refusals: Refusals;
};

const identityOf = (config: ScribeConfig): RecorderIdentity => ({
  agent_uid: config.ENCHANTED_AGENT_UID,
  mission_uid: config.ENCHANTED_MISSION_UID,
  mission: config.ENCHANTED_MISSION,
  namespace: config.ENCHANTED_NAMESPACE,
  lineage: config.ENCHANTED_LINEAGE,
  recorder: "scribe",
  ...(config.ENCHANTED_PERSONA === "" ? {} : { persona: config.ENCHANTED_PERSONA }),
  ...(config.ENCHANTED_PERSONA_DIGEST === undefined ? {} : { persona_digest: config.ENCHANTED_PERSONA_DIGEST }),
  agentId: config.ENCHANTED_AGENT,
});

const record = (options: ScribeOptions, collector: GrpcClient, counters: FrameCounters): Promise<Recording> => {
  const { config } = options;
  const maxBytes = config.ENCHANTED_WAL_MAX_BYTES;
  return startRecording({
    ...options,
    directory: config.ENCHANTED_WAL_DIR,
    identity: identityOf(config),
    epoch: config.ENCHANTED_ATTEMPT,
    ...(config.ENCHANTED_RESUME_HASH === undefined ? {} : { resumeHash: config.ENCHANTED_RESUME_HASH }),
    ...(maxBytes === undefined ? {} : { limits: { maxBytes, segmentBytes: Math.ceil(maxBytes / 8) } }),
    redactor: counters.withholding(createRedactor(config.ENCHANTED_REDACT)),
    cut: config.ENCHANTED_WAL_CUT,
    uplink: createCollectorUplink(collector),
    disk: createNodeDisk(),
    processes: createNodeProcesses(),
  });
};

// The pod gives the scribe 160 MiB, of which it takes a third by itself; what requests unfold to comes on top.
const REQUEST_BYTES = 12 * 1024 * 1024;
const REQUEST_MS = 30_000;

/** As many as the gateway gives to one pod. */
const MAX_TUNNELS = 32;

type Behind = { recording: Recording; collector: GrpcClient; counters: FrameCounters };

/** What leads out of the pod, by the gateway and with the pod's token. */
const openWaysOut = async (
  { config, clock, log }: ScribeOptions,
  reusePort: boolean,
): Promise<Pick<Inputs, "models" | "proxy">> => {
  const gateway = {
    gateway: addressOf(config.ENCHANTED_GATEWAY),
    caPem: config.ENCHANTED_CA_PEM,
    token: tokenFrom(config.ENCHANTED_TOKEN_FILE),
  };
  const models = await listenForModels({ ...gateway, port: config.ENCHANTED_MODEL_PORT, reusePort, log });
  const proxyPort = config.ENCHANTED_PROXY_PORT;
  const proxy =
    proxyPort === undefined
      ? undefined
      : await startConnectProxy({
          ...gateway,
          clock,
          port: proxyPort,
          reusePort,
          maxTunnels: MAX_TUNNELS,
          patienceMs: 0,
        });
  return { models, proxy };
};

const openInputs = async (options: ScribeOptions, { recording, collector, counters }: Behind): Promise<Inputs> => {
  const { config, clock, log } = options;
  const room = { bytes: createSemaphore(REQUEST_BYTES), withinMs: REQUEST_MS };
  const reusePort = config.ENCHANTED_PORTS_HELD === "true";
  const service = await listenForService({
    port: config.ENCHANTED_SERVICE_PORT,
    reusePort,
    collector,
    room,
    clock,
    log,
  });
  const spans = createSpanQueue({ send: sendSpansTo(collector), clock, random: options.random });
  const health = await startScribeHealth({
    port: config.ENCHANTED_METRICS_PORT,
    reusePort,
    recording,
    counters,
    spansLost: () => spans.lost(),
  });
  const refusals = createRefusals({ recorder: recording.recorder, log, count: health.onRefused });
  const otlp = await listenForOtlp({
    grpcPort: config.ENCHANTED_OTLP_PORT,
    httpPort: config.ENCHANTED_OTLP_HTTP_PORT,
    reusePort,
    receiver: createOtlpInput({
      recorder: counters.through("otlp", recording.recorder),
      passSpans: (request) => spans.push(request),
      passMetrics: passMetricsTo(collector),
      onRefused: refusals.tell,
    }),
    room,
    clock,
    log,
  });
  const { models, proxy } = await openWaysOut(options, reusePort);
  // Last: once the socket is there, the startup probe lets the agent begin.
  const socket = await listenForFrames({
    path: config.ENCHANTED_SOCKET,
    recorder: counters.through("socket", recording.recorder),
    clock,
    limits: {
      framesPerSecond: config.ENCHANTED_SOCKET_FRAMES_PER_SECOND,
      bytesPerSecond: config.ENCHANTED_SOCKET_BYTES_PER_SECOND,
    },
    onRefused: refusals.tell,
  });
  return { socket, service, otlp, spans, models, proxy, health, refusals };
};

const writeTermination = async (path: string, recording: Recording): Promise<void> => {
  const { written, stored } = recording.marks();
  const { hash } = recording.recorder.written();
  await writeFile(path, JSON.stringify({ lastSeq: written, ackedSeq: stored, hash })).catch(() => undefined);
};

type Running = {
  options: ScribeOptions;
  recording: Recording;
  inputs: Inputs;
  lifecycle: Lifecycle;
  collector: GrpcClient;
};

const taskOf = ({ ENCHANTED_GOAL: goal, ENCHANTED_TASK: task }: ScribeConfig): { task?: string } => {
  const texts = [...new Set([goal, task])].filter((text) => text !== "");
  return texts.length === 0 ? {} : { task: texts.join("\n\n") };
};

const SAY_MS = 1000;

const drain = async ({ options, recording, inputs, lifecycle, collector }: Running): Promise<void> => {
  const { config, clock, log } = options;
  const until = clock.monotonicMs() + config.ENCHANTED_DRAIN_MS;
  const tell = (phase: "Draining" | "Stopped"): Promise<void> =>
    Promise.race([lifecycle.tell(phase), clock.sleep(SAY_MS)]); // a log without room must not eat the time to drain it
  await tell("Draining");
  await inputs.socket.close(Math.min(1000, config.ENCHANTED_DRAIN_MS / 4));
  const graceMs = Math.min(500, config.ENCHANTED_DRAIN_MS / 8);
  await Promise.all([
    inputs.models.close(),
    inputs.proxy?.close(),
    inputs.service.close(graceMs),
    inputs.otlp.close(graceMs),
  ]);
  await inputs.spans.close(graceMs);
  await inputs.refusals.end();
  await tell("Stopped");
  const isWhole = await recording.drain(Math.max(0, until - clock.monotonicMs()));
  await writeTermination(config.ENCHANTED_TERMINATION_LOG, recording);
  const marks = recording.marks();
  if (isWhole) log.info(marks, "every frame is stored");
  else
    log.error(
      marks,
      `the end of the record is not stored: ${recording.health().exporting.failing ?? "no time was left"}`,
    );
  await inputs.health.server.close();
  await recording.close();
  collector.close();
};

/** Starts log, export and inputs. Rejects when the log is held by another process or a port is taken. */
export const startScribe = async (options: ScribeOptions): Promise<Scribe> => {
  const { config, clock, log } = options;
  const collector = createGrpcClient({
    address: config.ENCHANTED_COLLECTOR,
    caPem: config.ENCHANTED_CA_PEM,
    token: tokenFrom(config.ENCHANTED_TOKEN_FILE),
    clock,
  });
  const counters = createFrameCounters();
  const recording = await record(options, collector, counters);
  const isRestart = recording.recorder.written().seq > 0;
  await awaitHeldPorts({ unheld: () => unheldPorts(config), isRestart, clock, log });
  const lifecycle = createLifecycle(recording.recorder, clock, log);
  // It has its place now, and is the first; a log without room must not keep the inputs shut until it is written.
  void lifecycle.tell("Started", { ...(isRestart ? { reason: "RecorderRestarted" } : {}), ...taskOf(config) });
  const inputs = await openInputs(options, { recording, collector, counters });
  const stopBeating = lifecycle.beat(config.ENCHANTED_HEARTBEAT_MS);
  const stopWatching = watchStalls(() => recording.health().wal, clock, log);
  log.info({ epoch: config.ENCHANTED_ATTEMPT, agent: config.ENCHANTED_AGENT }, "recording");
  return {
    stop: async () => {
      stopBeating();
      stopWatching();
      await drain({ options, recording, inputs, lifecycle, collector });
    },
  };
};
