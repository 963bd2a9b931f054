import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { createItemReader } from "#nervous-system/recorder/context-file/read-items.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import type { NatsServer } from "#platform/stores/nats.ts";
import { createAccount, startSwarmPlane, tokenFor } from "#test/integration/gateway/swarm-plane.ts";
import { freshNamespace, type TestPlane } from "#test/integration/kubernetes/control-plane.ts";
import { readFrames, startTestNats, type Cleanup } from "#test/integration/pipeline/bus-harness.ts";
import { startTestCollector, type TestCollector } from "#test/integration/pipeline/collector-harness.ts";
import { allowRecording } from "#test/integration/pipeline/recording-right.ts";
import type { CliStage } from "./cli-stage.ts";
import { startGate, type Gate } from "./gate.ts";

/** A collector behind a gate, and users who may record in its one namespace: ann and bob may, eve may not. */
export type ServerStage = {
  nats: NatsServer;
  collector: TestCollector;
  gate: Gate;
  namespace: string;
  tokens: Readonly<Record<"ann" | "bob" | "eve", string>>;
  /** What the stream holds of one chain. */
  storedOf(agentUid: string): Promise<StoredFrame[]>;
};

/** Starts API server, NATS and collector, and creates the users. */
export const setServerStage = async (cleanup: Cleanup): Promise<ServerStage> => {
  const plane: TestPlane = await startSwarmPlane();
  cleanup.add(() => plane.stop());
  const nats = await startTestNats(cleanup);
  const collector = await startTestCollector(plane, nats, cleanup);
  const gate = await startGate(collector.collector.port);
  cleanup.add(() => gate.close());
  const namespace = await freshNamespace(plane.admin);
  const token = async (name: string): Promise<string> => {
    await createAccount(plane.admin, namespace, name);
    if (name !== "eve") await allowRecording(plane, namespace, name);
    return tokenFor(plane.admin, { namespace, name }, "enchanted-collector");
  };
  const tokens = { ann: await token("ann"), bob: await token("bob"), eve: await token("eve") };
  const storedOf: ServerStage["storedOf"] = async (agentUid) => {
    const frames = await readFrames(collector.bus);
    return frames.filter(({ envelope }) => envelope.agent_uid === agentUid);
  };
  return { nats, collector, gate, namespace, tokens, storedOf };
};

/** One user's shell: token file, state directory, and the variables that name the collector. */
export type Shell = {
  env: Record<string, string>;
  tokenFile: string;
  /** The runs in the outbox. */
  outbox(): Promise<string[]>;
};

/** Lays a shell out in a test's own directory. */
export const openShell = async (stage: CliStage, server: ServerStage, token: string): Promise<Shell> => {
  const state = join(stage.cwd, "state");
  await mkdir(state, { recursive: true });
  const tokenFile = join(state, "token");
  await writeFile(tokenFile, `${token}\n`);
  return {
    tokenFile,
    env: {
      XDG_STATE_HOME: state,
      ENCHANTED_COLLECTOR: `127.0.0.1:${server.gate.port}`,
      ENCHANTED_NAMESPACE: server.namespace,
      ENCHANTED_TOKEN_FILE: tokenFile,
      ENCHANTED_CA_FILE: server.collector.caFile,
      ENCHANTED_SERVER_NAME: "enchanted-collector",
    },
    outbox: () => readdir(join(state, "enchanted", "outbox")).catch(() => []),
  };
};

/** The frames of a file, in its order. */
export const framesIn = async (stage: CliStage, file = "swarm_context.jsonl"): Promise<RecordedFrame[]> => {
  const reader = createItemReader();
  const lines = (await readFile(join(stage.cwd, file), "utf8")).split("\n");
  const items = [...lines.slice(0, -1).flatMap((line) => reader.push(line)), ...reader.end(lines.at(-1) ?? "")];
  return items.flatMap((item) => (item.kind === "frame" ? [item.frame] : []));
};

/** What has to be the same in every place that a frame is kept in. */
export const proofOf = ({ envelopeText, bytes, prevHash, hash }: RecordedFrame): string[] => [
  Buffer.from(bytes).toString(),
  envelopeText,
  prevHash,
  hash,
];
