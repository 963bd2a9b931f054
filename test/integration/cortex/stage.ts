import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { createJournal, type Journal } from "#test/model-server/journal.ts";
import { loadScenarios } from "#test/model-server/load.ts";
import { createScenarioServer } from "#test/model-server/server.ts";
import { startRecorderPeer, type RecorderPeer } from "./recorder-peer.ts";

/** How the process of an agent ended. */
type AgentEnd = {
  readonly code: number | null;
  readonly termination: { outcome: string; reason: string; message: string; headSHA?: string };
  readonly output: string;
};

/** An agent that runs. */
export type Started = { readonly child: ChildProcess; readonly end: Promise<AgentEnd> };

/** Everything around one agent's process: repository, recorder, model. */
export type Stage = {
  readonly directory: string;
  /** Bare repository with the sample's history, as fetch leaves it. */
  readonly fetched: string;
  readonly recorder: RecorderPeer;
  readonly journal: Journal;
  readonly modelPort: number;
  /** Starts the cortex on a scenario. */
  start(scenario: string, env?: Readonly<Record<string, string>>): Started;
  /** Starts something else that is given the same environment, by its script and arguments. */
  startWith(program: readonly string[], env: Readonly<Record<string, string>>): Started;
  git(directory: string, ...args: string[]): string;
  close(): Promise<void>;
};

/** The mission's trace in these tests. */
export const missionTrace = "0af7651916cd43dd8448eb211c80319c";

const git = (directory: string, ...args: string[]): string =>
  execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.invalid", ...args], {
    cwd: directory,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });

const seedRepository = async (directory: string): Promise<string> => {
  const source = join(directory, "source");
  await cp("manifests/samples/repo", source, { recursive: true });
  git(source, "init", "--quiet", "--initial-branch=main");
  git(source, "add", "--all");
  git(source, "commit", "--quiet", "--message", "Add the rate limiter");
  git(directory, "clone", "--quiet", "--bare", source, "repo.git");
  return join(directory, "repo.git");
};

const startModel = async (journal: Journal): Promise<Server> => {
  const scenarios = await loadScenarios("manifests/samples/scenarios");
  const server = createScenarioServer({ scenarios, journal, clock: systemClock() }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
};

const collect = async (child: ChildProcess, terminationLog: string): Promise<AgentEnd> => {
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  const text = await readFile(terminationLog, "utf8").catch(() => "{}");
  return { code, output, termination: JSON.parse(text) as AgentEnd["termination"] };
};

/** Sets the stage in a directory of its own. */
export const setStage = async (): Promise<Stage> => {
  const directory = await realpath(await mkdtemp(join(tmpdir(), "cortex-stage-")));
  for (const name of ["workspace", "tmp"]) await mkdir(join(directory, name));
  const fetched = await seedRepository(directory);
  const socket = join(directory, "context.sock");
  const recorder = await startRecorderPeer(socket);
  const journal = createJournal();
  const model = await startModel(journal);
  const modelPort = (model.address() as AddressInfo).port;
  const children: ChildProcess[] = [];
  const environment = (scenario: string): Record<string, string> => ({
    PATH: process.env["PATH"] ?? "/usr/bin:/bin",
    TMPDIR: join(directory, "tmp"),
    ENCHANTED_MISSION: "fix-the-bucket",
    ENCHANTED_AGENT: "coder-1",
    ENCHANTED_GOAL: "The test test/token-bucket.test.js fails (node --test). Make it pass.",
    ENCHANTED_CRITERIA: JSON.stringify(["node --test"]),
    ENCHANTED_REPO: "https://forge.example/samples/turnstile.git",
    ENCHANTED_REF: "main",
    ENCHANTED_MODEL: `scenario/${scenario}`,
    ENCHANTED_SOCKET: socket,
    ENCHANTED_SERVICE: `127.0.0.1:${recorder.servicePort}`,
    ENCHANTED_FETCHED: fetched,
    ENCHANTED_WORKSPACE: join(directory, "workspace"),
    ENCHANTED_TERMINATION_LOG: join(directory, "termination"),
    ENCHANTED_SPANS_FILE: join(directory, "spans.jsonl"),
    ENCHANTED_RECORDER_WAIT_MS: "2000",
    OPENAI_BASE_URL: `http://127.0.0.1:${modelPort}/v1`,
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${recorder.servicePort}`,
    TRACEPARENT: `00-${missionTrace}-b7ad6b7169203331-01`,
  });
  const run = (program: readonly string[], env: Readonly<Record<string, string>>): Started => {
    const child = spawn(process.execPath, program, { env, stdio: ["ignore", "pipe", "pipe"] });
    children.push(child);
    return { child, end: collect(child, join(directory, "termination")) };
  };
  return {
    directory,
    fetched,
    recorder,
    journal,
    modelPort,
    git,
    start: (scenario, env = {}) => run(["agent-image/cortex/main.ts"], { ...environment(scenario), ...env }),
    startWith: (program, env) => run(program, { ...environment("none"), ...env }),
    close: async () => {
      for (const child of children) if (child.exitCode === null) child.kill("SIGKILL");
      model.closeAllConnections();
      model.close();
      await recorder.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
};
