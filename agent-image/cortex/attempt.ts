import { mkdir, mkdtemp, realpath } from "node:fs/promises";
import { join } from "node:path";
import type { Span, Tracer } from "@opentelemetry/api";
import { createGrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { connectFrameSocket } from "#nervous-system/comms/socket/socket-ipc.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Kill } from "#nervous-system/kernel/shell.ts";
import type { Ids } from "#nervous-system/schemas/ids.ts";
import { contextFromTraceparent } from "#nervous-system/telemetry/context-propagator.ts";
import { Enchanted } from "#nervous-system/codecs/genai.ts";
import { failureOf, isRecordGone, runAgentCycle, type AgentOutcome } from "./agents/base-agent.ts";
import { runCoder } from "./agents/coder.ts";
import { renderOpening, type CoderTask } from "./agents/coder-prompt.ts";
import { commandEnvironment, type CortexConfig } from "./config.ts";
import { createBlobStore, type BlobStore } from "./engine/blobs.ts";
import { openInbox, type Inbox } from "./engine/inbox.ts";
import { createJournal, type Journal } from "./engine/journal.ts";
import { resumeFrom, type Resumed } from "./engine/resume.ts";
import { createRecall, type Recall } from "./engine/recall.ts";
import { createModel } from "./models/provider.ts";
import { createWorkspaceFiles } from "./workspace/files.ts";
import { prepareRepository, type Repository } from "./workspace/repository.ts";

/** What an attempt gets from the process it runs in. */
type AttemptOptions = {
  readonly config: CortexConfig;
  readonly tracer: Tracer;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly random: () => number;
  readonly kill: Kill;
  /** Aborts when the agent is asked to stop. */
  readonly signal: AbortSignal;
};

const coderModel = (config: CortexConfig) => {
  const anthropic = config.ENCHANTED_PROVIDER === "Anthropic";
  const model = createModel({
    provider: config.ENCHANTED_PROVIDER,
    model: config.ENCHANTED_MODEL,
    baseUrl: anthropic ? config.ANTHROPIC_BASE_URL : config.OPENAI_BASE_URL,
    apiKey: anthropic ? config.ANTHROPIC_API_KEY : config.OPENAI_API_KEY,
  });
  return {
    model,
    name: config.ENCHANTED_MODEL,
    provider: anthropic ? "anthropic" : "openai",
    callMs: config.ENCHANTED_MODEL_TIMEOUT_MS,
    retryMs: config.ENCHANTED_MODEL_RETRY_MS,
    maxOutputTokens: config.ENCHANTED_MAX_OUTPUT_TOKENS,
    windowChars: config.ENCHANTED_WINDOW_CHARS,
  };
};

const limitsOf = (config: CortexConfig) => ({
  maxTurns: config.ENCHANTED_MAX_TURNS,
  maxTokens: config.ENCHANTED_MAX_TOKENS,
  timeMs: config.ENCHANTED_TIME_LIMIT_MS,
  maxNonsense: 6,
});

const prepare = (options: AttemptOptions, privateDir: string, workTree: string): Promise<Repository> => {
  const { config, clock } = options;
  const base = config.ENCHANTED_BASE_COMMIT;
  return prepareRepository({
    fetched: config.ENCHANTED_FETCHED,
    workTree,
    privateDir,
    revisions: base === undefined ? [config.ENCHANTED_REF, "HEAD"] : [base],
    author: {
      name: `${config.ENCHANTED_AGENT} (Enchanted Swarm)`,
      email: `${config.ENCHANTED_AGENT}@swarm.enchanted.invalid`,
    },
    env: { PATH: config.PATH, TMPDIR: config.TMPDIR },
    clock,
  });
};

const taskOf = (config: CortexConfig): CoderTask => ({
  goal: config.ENCHANTED_GOAL,
  task: config.ENCHANTED_TASK,
  criteria: config.ENCHANTED_CRITERIA,
});

/** Goes on from what an earlier attempt kept; where that cannot be had, the work begins anew and the record says why. */
const resume = async (
  { config }: AttemptOptions,
  journal: Journal,
  from: Pick<Parameters<typeof resumeFrom>[0], "repository" | "blobs" | "privateDir">,
): Promise<Resumed | undefined> => {
  const manifest = config.ENCHANTED_RESUME_SNAPSHOT;
  if (manifest === undefined) return undefined;
  try {
    return await resumeFrom({ ...from, manifest, opening: renderOpening(taskOf(config)) });
  } catch (error) {
    await journal.error(`the work begins anew, since snapshot ${manifest} cannot be used: ${String(error)}`, false);
    return undefined;
  }
};

type Means = {
  readonly journal: Journal;
  readonly blobs: BlobStore;
  readonly recall: Recall;
  readonly openInbox: (heard: Parameters<typeof openInbox>[0]["heard"]) => Inbox;
  readonly span: Span;
};

const work = async (options: AttemptOptions, { span, ...means }: Means): Promise<AgentOutcome> => {
  const { config, ids } = options;
  const privateDir = await mkdtemp(join(config.TMPDIR, "cortex-"));
  const home = join(privateDir, "home");
  await mkdir(home);
  const workTree = join(await realpath(config.ENCHANTED_WORKSPACE), "repo");
  const prepared = await prepare(options, privateDir, workTree);
  const { journal, blobs } = means;
  const resumed = await resume(options, journal, { repository: prepared, blobs, privateDir });
  const repository = resumed?.repository ?? prepared;
  span.setAttribute(Enchanted.startHash, repository.startTree);
  return runCoder({
    ...options,
    task: taskOf(config),
    model: coderModel(config),
    limits: limitsOf(config),
    policy: config.ENCHANTED_POLICY,
    repository,
    files: createWorkspaceFiles(workTree, () => ids.next()),
    commandEnv: commandEnvironment(config, home),
    ...means,
    privateDir,
    repo: config.ENCHANTED_REPO,
    branch: config.ENCHANTED_REF,
    attempt: config.ENCHANTED_ATTEMPT,
    chain: `${config.ENCHANTED_AGENT_UID}/${config.ENCHANTED_ATTEMPT}`,
    schedule: { steps: config.ENCHANTED_SNAPSHOT_STEPS, everyMs: config.ENCHANTED_SNAPSHOT_MS },
    resumed,
  });
};

/** The last frame of an attempt that did not succeed; a record that is gone cannot be written to. */
const recordEnd = async (journal: Journal, signal: AbortSignal, error: unknown): Promise<void> => {
  if (isRecordGone(error)) return;
  const { reason, message } = failureOf(error);
  if (signal.aborted) await journal.heartbeat("stopped: the agent was asked to end");
  else await journal.error(`${reason}: ${message}`, true, error instanceof Error ? error.stack : undefined);
};

/** Runs one attempt to its end and answers how it ended; the record is whole before it answers. */
export const runAttempt = (options: AttemptOptions): Promise<AgentOutcome> => {
  const { config, clock, ids, tracer, signal } = options;
  const cycle = {
    tracer,
    signal,
    parent: contextFromTraceparent(config.TRACEPARENT),
    agent: config.ENCHANTED_AGENT,
    mission: config.ENCHANTED_MISSION,
    attempt: config.ENCHANTED_ATTEMPT,
    task: config.ENCHANTED_TASK || config.ENCHANTED_GOAL,
    node: config.HOSTNAME,
  };
  return runAgentCycle(cycle, async (span) => {
    const socket = await connectFrameSocket({
      path: config.ENCHANTED_SOCKET,
      clock,
      reconnectMs: config.ENCHANTED_RECORDER_WAIT_MS,
    });
    const service = createGrpcClient({ address: config.ENCHANTED_SERVICE, clock });
    const blobs = createBlobStore(service, clock);
    const recall = createRecall(service, clock);
    const journal = createJournal({ agent: config.ENCHANTED_AGENT, socket, blobs, span, clock, ids });
    try {
      const open: Means["openInbox"] = (heard) => openInbox({ client: service, clock, heard });
      return await work(options, { journal, blobs, recall, openInbox: open, span });
    } catch (error) {
      await recordEnd(journal, signal, error);
      throw error;
    } finally {
      service.close();
      await socket.close();
    }
  });
};
