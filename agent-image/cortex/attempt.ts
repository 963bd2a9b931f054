import { mkdtemp, realpath } from "node:fs/promises";
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
import { renderOpening, type CoderTask, type Persona } from "./agents/coder-prompt.ts";
import type { CortexConfig } from "./config.ts";
import { createBlobStore, type BlobStore } from "./engine/blobs.ts";
import { openInbox, type Inbox } from "./engine/inbox.ts";
import { createJournal, type Journal } from "./engine/journal.ts";
import { resumeFrom, type Resumed } from "./engine/resume.ts";
import { createRecall, type Recall } from "./engine/recall.ts";
import { prepareRepository, type Repository } from "./workspace/repository.ts";

/** What an attempt gets from the process it runs in. */
export type AttemptOptions<Config extends CortexConfig = CortexConfig> = {
  readonly config: Config;
  readonly tracer: Tracer;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly random: () => number;
  /** The environment as it is. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly kill: Kill;
  /** Aborts when the agent is asked to stop. */
  readonly signal: AbortSignal;
};

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

/** What an attempt is told to do. */
export const taskOf = (config: CortexConfig): CoderTask => ({
  goal: config.ENCHANTED_GOAL,
  task: config.ENCHANTED_TASK,
  criteria: config.ENCHANTED_CRITERIA,
});

/** Who an attempt is told to be. */
export const personaOf = (config: CortexConfig): Persona | undefined =>
  config.ENCHANTED_SYSTEM_PROMPT === ""
    ? undefined
    : { name: config.ENCHANTED_PERSONA, systemPrompt: config.ENCHANTED_SYSTEM_PROMPT };

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

/** What an attempt records with. */
export type Means = {
  readonly journal: Journal;
  readonly blobs: BlobStore;
  readonly recall: Recall;
  readonly openInbox: (heard: Parameters<typeof openInbox>[0]["heard"]) => Inbox;
  readonly span: Span;
};

/** Where an attempt works: the repository, laid out as it goes on from there. */
export type Workplace = {
  readonly repository: Repository;
  /** What an earlier attempt left. */
  readonly resumed: Resumed | undefined;
  /** Outside of the work tree. */
  readonly privateDir: string;
};

/** Lays the work tree out: the base's files, or what an earlier attempt kept of them. */
export const openWorkplace = async (options: AttemptOptions, { span, journal, blobs }: Means): Promise<Workplace> => {
  const { config } = options;
  const privateDir = await mkdtemp(join(config.TMPDIR, "cortex-"));
  const workTree = join(await realpath(config.ENCHANTED_WORKSPACE), "repo");
  const prepared = await prepare(options, privateDir, workTree);
  const resumed = await resume(options, journal, { repository: prepared, blobs, privateDir });
  const repository = resumed?.repository ?? prepared;
  span.setAttribute(Enchanted.startHash, repository.startTree);
  return { repository, resumed, privateDir };
};

/** What of its configuration snapshots and proposals of an attempt are made with. */
export const namesOf = (config: CortexConfig) => ({
  policy: config.ENCHANTED_POLICY,
  repo: config.ENCHANTED_REPO,
  branch: config.ENCHANTED_REF,
  chain: `${config.ENCHANTED_AGENT_UID}/${config.ENCHANTED_ATTEMPT}`,
  schedule: { steps: config.ENCHANTED_SNAPSHOT_STEPS, everyMs: config.ENCHANTED_SNAPSHOT_MS },
});

/** The last frame of an attempt that did not succeed; a record that is gone cannot be written to. */
const recordEnd = async (journal: Journal, signal: AbortSignal, error: unknown): Promise<void> => {
  if (isRecordGone(error)) return;
  const { reason, message } = failureOf(error);
  if (signal.aborted) await journal.heartbeat("stopped: the agent was asked to end");
  else await journal.error(`${reason}: ${message}`, true, error instanceof Error ? error.stack : undefined);
};

/** Does what the attempt is for; whatever it throws is how the attempt ended. */
export type Work<Config extends CortexConfig = CortexConfig> = (
  options: AttemptOptions<Config>,
  means: Means,
) => Promise<AgentOutcome>;

/** Runs one attempt to its end and answers how it ended; the record is whole before it answers. */
export const runAttempt = <Config extends CortexConfig>(
  options: AttemptOptions<Config>,
  work: Work<Config>,
): Promise<AgentOutcome> => {
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
