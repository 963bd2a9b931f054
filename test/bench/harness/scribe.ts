import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { repositoryRoot } from "#platform/environment.ts";
import { bundleImage } from "#platform/images/bundle.ts";
import { freePorts } from "#platform/process/ports.ts";
import { startService, type RunningService } from "#platform/process/service.ts";
import { imageEnvironment } from "#test/integration/scribe/image-environment.ts";
import type { BenchAgent, Swarm } from "./swarm.ts";

/** A scribe as it is shipped, recording for one agent. */
export type BenchScribe = { readonly service: RunningService; readonly socket: string };

/** Bundles the scribe once; answers its program. */
export const bundleScribe = async (directory: string): Promise<string> =>
  join(await bundleImage(repositoryRoot, "scribe", join(directory, "scribe-program")), "main.js");

const environmentOf = async (swarm: Swarm, agent: BenchAgent, dir: string): Promise<Record<string, string>> => {
  const ports = await freePorts(5);
  const [service, otlp, otlpHttp, models, metrics] = ports.map(String);
  const token = join(dir, "token");
  await writeFile(token, agent.token);
  return {
    ENCHANTED_NAMESPACE: agent.stamps.namespace,
    ENCHANTED_MISSION: agent.stamps.mission,
    ENCHANTED_MISSION_UID: agent.stamps.mission_uid,
    ENCHANTED_AGENT: "bench",
    ENCHANTED_AGENT_UID: agent.stamps.agent_uid,
    ENCHANTED_ATTEMPT: "1",
    ENCHANTED_COLLECTOR: `127.0.0.1:${swarm.collectorPort}`,
    ENCHANTED_GATEWAY: "127.0.0.1:9",
    ENCHANTED_CA_PEM: swarm.tls.caPem,
    ENCHANTED_SOCKET: join(dir, "context.sock"),
    ENCHANTED_WAL_DIR: join(dir, "wal"),
    ENCHANTED_TOKEN_FILE: token,
    ENCHANTED_TERMINATION_LOG: join(dir, "termination"),
    ENCHANTED_SERVICE_PORT: service ?? "",
    ENCHANTED_OTLP_PORT: otlp ?? "",
    ENCHANTED_OTLP_HTTP_PORT: otlpHttp ?? "",
    ENCHANTED_MODEL_PORT: models ?? "",
    ENCHANTED_METRICS_PORT: metrics ?? "",
    // What is measured is the scribe, not its patience with one connection.
    ENCHANTED_SOCKET_FRAMES_PER_SECOND: "1000000",
    ENCHANTED_SOCKET_BYTES_PER_SECOND: "1000000000",
  };
};

/** Starts a scribe for an agent, with the limits that its image sets; its log is in `directory`. */
export const startScribe = async (
  swarm: Swarm,
  agent: BenchAgent,
  program: string,
  directory: string,
): Promise<BenchScribe> => {
  await mkdir(directory, { recursive: true });
  const env = { ...(await imageEnvironment()), ...(await environmentOf(swarm, agent, directory)) };
  const socket = env["ENCHANTED_SOCKET"] ?? "";
  const service = await startService(
    { name: "scribe", command: [process.execPath, program, "scribe"], env, ready: { kind: "socket", path: socket } },
    join(directory, "logs"),
  );
  return { service, socket };
};
