import { spawn, type ChildProcess } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { zeroHash } from "#nervous-system/schemas/chain.ts";
import { verifyChain, type ChainFault } from "#test/builders/chain.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { bundleImage } from "#platform/images/bundle.ts";
import { freePort } from "#platform/process/ports.ts";
import { ensureAuthority, ensureCertificate, type KeyPair } from "#platform/cluster/certificates.ts";

const root = new URL("../../..", import.meta.url).pathname;
/** A directory with a certificate for 127.0.0.1 and the scribe's programs as they are shipped: bundled, run by a plain Node. */
export type Stage = { dir: string; programs: string; caPem: string; tls: KeyPair; remove(): Promise<void> };

/** Prepares a stage. */
export const setStage = async (): Promise<Stage> => {
  const dir = await mkdtemp(join(tmpdir(), "scribe-"));
  const authority = await ensureAuthority(join(dir, "pki"), "test-ca");
  const tls = await ensureCertificate(join(dir, "pki"), authority, {
    name: "server",
    commonName: "server",
    altNames: ["IP:127.0.0.1", "DNS:localhost"],
  });
  const programs = join(dir, "programs");
  await bundleImage(root, "scribe", programs);
  await symlink(join(root, "node_modules"), join(programs, "node_modules"));
  return {
    dir,
    programs,
    tls,
    caPem: await readFile(authority.certFile, "utf8"),
    remove: () => rm(dir, { recursive: true, force: true }),
  };
};

/** Waits until `isSo`, or throws with `what` after `limitMs`. */
export const until = async (what: string, isSo: () => boolean | Promise<boolean>, limitMs = 20_000): Promise<void> => {
  const end = performance.now() + limitMs;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`not in ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

/** A program that was started, its output so far and its end. */
export type Running = { process: ChildProcess; output: () => string; ended: Promise<number> };

/** Starts a program of the stage, or any other. */
export const start = (command: string, args: readonly string[], env: Record<string, string>, cwd?: string): Running => {
  const child = spawn(command, args, {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(cwd === undefined ? {} : { cwd }),
  });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise<number>((resolve) => child.once("close", (code) => resolve(code ?? -1)));
  return { process: child, output: () => Buffer.concat(chunks).toString("utf8"), ended };
};

/** Starts it as another user without any right, as the containers of a pod run; only root may. */
export const startAs = (
  user: number,
  [command, ...args]: readonly [string, ...string[]],
  env: Record<string, string> = {},
): Running =>
  start("setpriv", [`--reuid=${user}`, `--regid=${user}`, "--clear-groups", "--no-new-privs", command, ...args], env);

/** kill -9; resolves when the program is gone. */
export const killRunning = async ({ process, ended }: Running): Promise<void> => {
  process.kill("SIGKILL");
  await ended;
};

/** Where one pod's scribe has its things. */
export type Pod = { dir: string; env: Record<string, string>; socket: string; termination: string; token: string };

/** Lays out the volumes of one pod. */
export const layOutPod = async (
  stage: Stage,
  name: string,
  collectorPort: number,
  more: Record<string, string> = {},
): Promise<Pod> => {
  const dir = join(stage.dir, name);
  await mkdir(dir, { recursive: true });
  const token = join(dir, "token");
  await writeFile(token, "pod-token\n");
  const [socket, termination] = [join(dir, "context.sock"), join(dir, "termination")];
  await writeFile(termination, "");
  const ports = {
    service: await freePort(),
    otlp: await freePort(),
    otlpHttp: await freePort(),
    model: await freePort(),
    metrics: await freePort(),
  };
  const env = {
    ENCHANTED_NAMESPACE: "default",
    ENCHANTED_MISSION: "fix-bug",
    ENCHANTED_MISSION_UID: "22222222-2222-4222-8222-222222222222",
    ENCHANTED_AGENT: "fix-bug-coder",
    ENCHANTED_AGENT_UID: "11111111-1111-4111-8111-111111111111",
    ENCHANTED_ATTEMPT: "1",
    ENCHANTED_LINEAGE: "0",
    ENCHANTED_GOAL: "The tests pass.",
    ENCHANTED_TASK: "Mend the bucket.",
    ENCHANTED_COLLECTOR: `127.0.0.1:${collectorPort}`,
    ENCHANTED_GATEWAY: "127.0.0.1:9",
    ENCHANTED_CA_PEM: stage.caPem,
    ENCHANTED_DRAIN_MS: "10000",
    ENCHANTED_SOCKET: socket,
    ENCHANTED_SOCKET_LINK: join(dir, "link.sock"),
    ENCHANTED_WAL_DIR: join(dir, "wal"),
    ENCHANTED_TOKEN_FILE: token,
    ENCHANTED_TERMINATION_LOG: termination,
    ENCHANTED_SERVICE_PORT: String(ports.service),
    ENCHANTED_OTLP_PORT: String(ports.otlp),
    ENCHANTED_OTLP_HTTP_PORT: String(ports.otlpHttp),
    ENCHANTED_MODEL_PORT: String(ports.model),
    ENCHANTED_METRICS_PORT: String(ports.metrics),
    ...more,
  };
  return { dir, env, socket, termination, token };
};

// The scribe's code has long lines; what ended it stands behind the one that Node shows.
const lastLines = (output: string): string =>
  output
    .split("\n")
    .slice(-20)
    .map((line) => line.slice(0, 300))
    .join("\n");

/** Starts the pod's scribe, as that user or as our own, and waits until its socket accepts. */
export const startPodScribe = async (stage: Stage, pod: Pod, user?: number): Promise<Running> => {
  const command = [process.execPath, join(stage.programs, "main.js"), "scribe"] as const;
  const scribe = user === undefined ? start(command[0], command.slice(1), pod.env) : startAs(user, command, pod.env);
  const accepts = (): Promise<boolean> =>
    new Promise((resolve) => {
      const probe = createConnection(pod.socket);
      probe.once("connect", () => resolve(probe.destroy() !== undefined));
      probe.once("error", () => resolve(false));
    });
  await until("the scribe's socket accepts", async () => {
    if (scribe.process.exitCode !== null) throw new Error(`the scribe ended: ${lastLines(scribe.output())}`);
    return accepts();
  });
  return scribe;
};

/** Ends a scribe as the kubelet does. */
export const stopScribe = (scribe: Running): Promise<number> => {
  scribe.process.kill("SIGTERM");
  return scribe.ended;
};

/** An answer of the scribe's socket. */
type Answer = { ok: boolean; seq?: number; event_id?: string; reason?: string };

/** A client of the socket that shows every answer in its order. */
export type Writer = {
  socket: Socket;
  answers: Answer[];
  write(text: string): void;
  answered(count: number): Promise<void>;
};

/** Connects a writer to a pod's socket. */
export const connectWriter = async (path: string): Promise<Writer> => {
  const socket = createConnection(path);
  await new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  socket.on("error", () => undefined);
  const answers: Answer[] = [];
  const lines = createInterface({ input: socket });
  lines.on("error", () => undefined); // a killed scribe resets the connection
  lines.on("line", (line) => answers.push(JSON.parse(line) as Answer));
  return {
    socket,
    answers,
    write: (text) => void socket.write(text),
    answered: (count) => until(`${count} answers`, () => answers.length >= count),
  };
};

/** A THOUGHT as a line. */
export const thought = (text: string): string => `${JSON.stringify({ event_type: "THOUGHT", payload: { text } })}\n`;

/** What a frame's producer wrote. */
export const producerPart = (frame: RecordedFrame): { event_type: string; payload: Record<string, unknown> } =>
  JSON.parse(Buffer.from(frame.bytes).toString("utf8")) as { event_type: string; payload: Record<string, unknown> };

/** The texts of the THOUGHTs among frames, in their order. */
export const thoughtTexts = (frames: readonly RecordedFrame[]): unknown[] =>
  frames
    .filter(({ envelope }) => envelope.event_type === "THOUGHT")
    .map((frame) => producerPart(frame).payload["text"]);

/** The first fault in the chain of one epoch's frames, from its start. */
export const chainFault = (frames: readonly RecordedFrame[]): ChainFault | undefined =>
  verifyChain(
    frames.map((frame) => ({
      agentUid: frame.envelope.agent_uid,
      epoch: frame.envelope.epoch,
      seq: frame.envelope.seq,
      prevHash: frame.prevHash,
      observedNs: BigInt(frame.envelope.observed),
      envelopeText: frame.envelopeText,
      bytes: frame.bytes,
      hash: frame.hash,
    })),
    zeroHash,
  );
