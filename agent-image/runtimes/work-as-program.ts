import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { createGit } from "#nervous-system/git/git.ts";
import { createDependencyReader } from "#nervous-system/imports/dependency-reader.ts";
import { traceparentOf } from "#nervous-system/telemetry/context-propagator.ts";
import { isRecordGone, type AgentOutcome } from "../cortex/agents/base-agent.ts";
import { renderOpening } from "../cortex/agents/coder-prompt.ts";
import {
  namesOf,
  openWorkplace,
  taskOf,
  type AttemptOptions,
  type Means,
  type Work,
  type Workplace,
} from "../cortex/attempt.ts";
import { AgentStopped } from "../cortex/engine/limits.ts";
import { propose } from "../cortex/engine/propose.ts";
import { renderResumption } from "../cortex/engine/resume.ts";
import { createSnapshots } from "../cortex/engine/snapshots.ts";
import { createObserver } from "../cortex/workspace/observation.ts";
import { concludeFrom } from "./conclude.ts";
import type { RuntimeConfig } from "./config.ts";
import { describeProgram, type Program } from "./describe-program.ts";
import { judgeEnd } from "./judge-end.ts";
import { forgetSaid, readSaid } from "./said.ts";
import type { Told } from "./runtime.ts";
import { startProgram, type ProgramEnd, type RunningProgram } from "./start-program.ts";
import { watchWorkTree, type Watch } from "./watch-work-tree.ts";

const importsMs = 3_000;
/** Of the time that the wrapper gives us at SIGTERM: for a last look, and to keep the work. */
const keepMs = 4_000;

type Options = AttemptOptions<RuntimeConfig>;

/** Whoever brings an image brings its Git; without one nothing begins. */
const requireGit = async ({ config: { PATH }, clock }: Options): Promise<void> => {
  const found = await createGit({ env: { PATH }, clock }).run(["--version"]);
  if (found.kind === "ok") return;
  const message = `no git runs in the image, which needs one on its PATH (${PATH})`;
  throw new AgentStopped({ reason: "GitNotFound", message, retry: false });
};

const taskTextOf = (config: RuntimeConfig, { resumed }: Workplace): string => {
  const opening = renderOpening(taskOf(config));
  return resumed === undefined ? opening : `${opening}\n\n${renderResumption(config.ENCHANTED_ATTEMPT)}`;
};

const prepareProgram = async (
  { config, env }: Options,
  { span }: Means,
  place: Workplace,
): Promise<Program & { told: Told }> => {
  const volume = dirname(place.repository.workTree);
  const task = taskTextOf(config, place);
  const program = describeProgram(config, { task, volume, traceparent: traceparentOf(span), env });
  const { home, taskFile } = program.told;
  await mkdir(home, { recursive: true });
  await writeFile(taskFile, `${task}\n`);
  await forgetSaid(program.told);
  for (const [path, text] of Object.entries(program.files)) {
    await mkdir(dirname(join(home, path)), { recursive: true });
    await writeFile(join(home, path), text);
  }
  return program;
};

/** Waits for a program's end, which a stop of the agent, the limit of time or a record that fails brings about. */
const untilEnd = async (
  { config, clock, signal }: Options,
  running: RunningProgram,
): Promise<{ end: ProgramEnd; isLate: boolean }> => {
  let isLate = false;
  const cancel = clock.after(config.ENCHANTED_TIME_LIMIT_MS, () => {
    isLate = true;
    running.stop();
  });
  const stop = (): void => running.stop();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  const end = await running.ended;
  cancel();
  signal.removeEventListener("abort", stop);
  return { end, isLate };
};

const timeLimit = (config: RuntimeConfig, name: string): AgentStopped => {
  const seconds = Math.round(config.ENCHANTED_TIME_LIMIT_MS / 1000);
  return new AgentStopped({ reason: "TimeLimit", message: `${name} had not ended after ${seconds} s`, retry: true });
};

/** Runs the program to its end beside the looks at its work; throws where it did not end well. */
const runProgram = async (
  options: Options,
  { program, cwd, watch }: { program: Program; cwd: string; watch: (onFailure: () => void) => Watch },
): Promise<string> => {
  const { config, clock, kill, signal } = options;
  const stopMs = Math.max(config.ENCHANTED_AGENT_STOP_MS - keepMs, config.ENCHANTED_AGENT_STOP_MS / 2);
  const running = startProgram({ ...program, cwd, stopMs, clock, kill });
  const looks = watch(() => running.stop());
  const { end, isLate } = await untilEnd(options, running);
  await looks.end();
  signal.throwIfAborted();
  await looks.look();
  const name = basename(program.command[0] ?? "");
  if (isLate) throw timeLimit(config, name);
  const failure = judgeEnd(name, end);
  if (failure !== undefined) throw new AgentStopped(failure);
  return name;
};

/** Has a program do the agent's task, records what it changes, and proposes that once it has ended well. */
export const workAsProgram: Work<RuntimeConfig> = async (options, means): Promise<AgentOutcome> => {
  const { config, clock } = options;
  await requireGit(options);
  const place = await openWorkplace(options, means);
  const { repository, resumed } = place;
  const observer = createObserver(repository, config.ENCHANTED_POLICY);
  const parts = { ...options, ...namesOf(config), ...means, ...place, observer };
  const dependencies = createDependencyReader({ git: repository.record, clock, withinMs: importsMs });
  const snapshots = createSnapshots({ ...parts, kept: resumed?.kept });
  try {
    const program = await prepareProgram(options, means, place);
    const watch = (onFailure: () => void): Watch => watchWorkTree({ ...parts, dependencies, snapshots, onFailure });
    const name = await runProgram(options, { program, cwd: repository.workTree, watch });
    const { changes } = await observer.sinceBase();
    if (changes.length === 0) return { kind: "succeeded", message: `${name} ended well and changed nothing` };
    const refused = await observer.refusal();
    if (refused !== undefined)
      throw new AgentStopped({
        reason: "NotPublishable",
        message: `the change would not be published: ${refused}`,
        retry: true,
      });
    const conclusion = concludeFrom(config.ENCHANTED_GOAL, name, await readSaid(program.told, parts));
    const headSha = await propose(parts, conclusion);
    return { kind: "succeeded", message: conclusion.title, headSha };
  } catch (error) {
    if (!isRecordGone(error)) await snapshots.atEnd();
    throw error;
  } finally {
    await dependencies.close();
  }
};
