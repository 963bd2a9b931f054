import { writeFile } from "node:fs/promises";
import { createGrpcClient, type GrpcClient } from "#nervous-system/comms/grpc-client.ts";
import type { GrpcServer } from "#nervous-system/comms/grpc-server.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import type { RecorderIdentity } from "#nervous-system/recorder/identity.ts";
import { startRecording, type Recording } from "#nervous-system/recorder/recording.ts";
import { tokenFrom } from "#nervous-system/recorder/token-file.ts";
import { createCollectorUplink } from "#nervous-system/recorder/uplink.ts";
import { createNodeDisk } from "#nervous-system/recorder/wal/node-disk.ts";
import { createNodeProcesses } from "#nervous-system/recorder/wal/node-processes.ts";
import type { Ids } from "#nervous-system/schemas/ids.ts";
import type { ScribeConfig } from "./config.ts";
import { createLifecycle, type Lifecycle } from "./lifecycle.ts";
import { listenForFrames, type FrameSocketServer } from "./mouths/frame-socket.ts";
import { listenForService, listenForSpans } from "./mouths/grpc-ports.ts";
import { listenForModels, type ModelPort } from "./mouths/model-port.ts";
import { splitAddress } from "./split-address.ts";

/** What a scribe needs beside its configuration. */
export type ScribeOptions = { config: ScribeConfig; clock: Clock; ids: Ids; random: () => number; log: Log };

/** A running scribe. */
export type Scribe = {
  /** Drains within the configured time, leaves the termination message and ends. */
  stop(): Promise<void>;
};

type Mouths = { socket: FrameSocketServer; service: GrpcServer; spans: GrpcServer; models: ModelPort };

const identityOf = (config: ScribeConfig): RecorderIdentity => ({
  agent_uid: config.ENCHANTED_AGENT_UID,
  mission_uid: config.ENCHANTED_MISSION_UID,
  mission: config.ENCHANTED_MISSION,
  namespace: config.ENCHANTED_NAMESPACE,
  lineage: config.ENCHANTED_LINEAGE,
  recorder: "scribe",
  agentId: config.ENCHANTED_AGENT,
});

const record = (options: ScribeOptions, collector: GrpcClient): Promise<Recording> => {
  const { config } = options;
  const maxBytes = config.ENCHANTED_WAL_MAX_BYTES;
  return startRecording({
    ...options,
    directory: config.ENCHANTED_WAL_DIR,
    identity: identityOf(config),
    epoch: config.ENCHANTED_ATTEMPT,
    ...(config.ENCHANTED_RESUME_HASH === undefined ? {} : { resumeHash: config.ENCHANTED_RESUME_HASH }),
    ...(maxBytes === undefined ? {} : { limits: { maxBytes, segmentBytes: Math.ceil(maxBytes / 8) } }),
    uplink: createCollectorUplink(collector),
    disk: createNodeDisk(),
    processes: createNodeProcesses(),
  });
};

const openMouths = async (options: ScribeOptions, recording: Recording, collector: GrpcClient): Promise<Mouths> => {
  const { config, clock, log } = options;
  const grpc = { collector, clock, log };
  const service = await listenForService(config.ENCHANTED_SERVICE_PORT, grpc);
  const spans = await listenForSpans(config.ENCHANTED_OTLP_PORT, grpc);
  const models = await listenForModels({
    port: config.ENCHANTED_MODEL_PORT,
    gateway: splitAddress(config.ENCHANTED_GATEWAY),
    caPem: config.ENCHANTED_CA_PEM,
    token: tokenFrom(config.ENCHANTED_TOKEN_FILE),
    log,
  });
  // Last: once the socket accepts, the startup probe lets the agent begin.
  const socket = await listenForFrames({
    path: config.ENCHANTED_SOCKET,
    recorder: recording.recorder,
    clock,
    onRefused: (reason) => log.warn({ reason }, "a frame was refused"),
  });
  return { socket, service, spans, models };
};

const leaveMessage = async (path: string, recording: Recording): Promise<void> => {
  const { written, stored } = recording.marks();
  const { hash } = recording.recorder.written();
  await writeFile(path, JSON.stringify({ lastSeq: written, ackedSeq: stored, hash })).catch(() => undefined);
};

type Running = {
  options: ScribeOptions;
  recording: Recording;
  mouths: Mouths;
  lifecycle: Lifecycle;
  collector: GrpcClient;
};

const SAY_MS = 1000;

const drain = async ({ options, recording, mouths, lifecycle, collector }: Running): Promise<void> => {
  const { config, clock, log } = options;
  const until = clock.monotonicMs() + config.ENCHANTED_DRAIN_MS;
  const tell = (phase: "Draining" | "Stopped"): Promise<void> =>
    Promise.race([lifecycle.tell(phase), clock.sleep(SAY_MS)]); // a log without room must not eat the time to drain it
  await tell("Draining");
  await mouths.socket.close(Math.min(1000, config.ENCHANTED_DRAIN_MS / 4));
  const graceMs = Math.min(500, config.ENCHANTED_DRAIN_MS / 8);
  await Promise.all([mouths.models.close(), mouths.service.close(graceMs), mouths.spans.close(graceMs)]);
  await tell("Stopped");
  const isWhole = await recording.drain(Math.max(0, until - clock.monotonicMs()));
  await leaveMessage(config.ENCHANTED_TERMINATION_LOG, recording);
  const marks = recording.marks();
  if (isWhole) log.info(marks, "every frame is stored");
  else
    log.error(
      marks,
      `the end of the record is not stored: ${recording.health().exporting.failing ?? "no time was left"}`,
    );
  await recording.close();
  collector.close();
};

/** Starts log, export and mouths. Rejects when the log is held by another process or a port is taken. */
export const startScribe = async (options: ScribeOptions): Promise<Scribe> => {
  const { config, clock, log } = options;
  const collector = createGrpcClient({
    address: config.ENCHANTED_COLLECTOR,
    caPem: config.ENCHANTED_CA_PEM,
    token: tokenFrom(config.ENCHANTED_TOKEN_FILE),
    clock,
  });
  const recording = await record(options, collector);
  const lifecycle = createLifecycle(recording.recorder, clock, log);
  await lifecycle.tell("Started", recording.recorder.written().seq > 0 ? "RecorderRestarted" : undefined);
  const mouths = await openMouths(options, recording, collector);
  const stopBeating = lifecycle.beat(config.ENCHANTED_HEARTBEAT_MS);
  log.info({ epoch: config.ENCHANTED_ATTEMPT, agent: config.ENCHANTED_AGENT }, "recording");
  return {
    stop: async () => {
      stopBeating();
      await drain({ options, recording, mouths, lifecycle, collector });
    },
  };
};
