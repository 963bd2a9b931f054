import type { ChangePolicy } from "#nervous-system/git/change-policy.ts";
import { SpanStatusCode, type Span, type Tracer } from "@opentelemetry/api";
import { createDependencyReader } from "#nervous-system/imports/dependency-reader.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Ids } from "#nervous-system/schemas/ids.ts";
import { traceparentOf } from "#nervous-system/telemetry/context-propagator.ts";
import { Enchanted, GenAi, GenAiOperation } from "#nervous-system/codecs/genai.ts";
import { createConclude } from "../engine/conclude.ts";
import { createExecutor } from "../engine/execute.ts";
import type { Inbox } from "../engine/inbox.ts";
import type { Journal } from "../engine/journal.ts";
import { createRepetitionGuard, type Limits } from "../engine/limits.ts";
import { runLoop } from "../engine/loop.ts";
import { createNotes, type Notes } from "../engine/notes.ts";
import { propose } from "../engine/propose.ts";
import { renderResumption, type Resumed } from "../engine/resume.ts";
import { createSnapshots, type SnapshotSchedule } from "../engine/snapshots.ts";
import type { BlobStore } from "../engine/blobs.ts";
import type { Recall } from "../engine/recall.ts";
import type { ChatModel, ConversationMessage, ModelAnswer } from "../models/conversation.ts";
import { createAsk, type Ask } from "../models/ask.ts";
import type { ModelFailure } from "../models/model-failure.ts";
import type { Kill } from "#nervous-system/kernel/shell.ts";
import { createDecide } from "../tools/decide.ts";
import { createFinish } from "../tools/finish.ts";
import { createWorkspaceTools } from "../tools/registry.ts";
import type { WorkspaceFiles } from "../workspace/files.ts";
import { createObserver } from "../workspace/observation.ts";
import type { Repository } from "../workspace/repository.ts";
import { isRecordGone, type AgentOutcome } from "./base-agent.ts";
import { renderInstructions, renderOpening, type CoderTask, type Persona } from "./coder-prompt.ts";

/** How the coder speaks to its model. */
type CoderModel = {
  readonly model: ChatModel;
  readonly name: string;
  readonly provider: string;
  readonly callMs: number;
  readonly retryMs: number;
  readonly maxOutputTokens: number;
  readonly windowChars: number;
};

/** Everything a coder works with. */
type CoderOptions = {
  readonly task: CoderTask;
  readonly persona: Persona | undefined;
  readonly model: CoderModel;
  readonly limits: Limits;
  readonly repository: Repository;
  /** What may be published of its work. */
  readonly policy: ChangePolicy;
  readonly files: WorkspaceFiles;
  readonly commandEnv: Readonly<Record<string, string>>;
  readonly journal: Journal;
  readonly blobs: BlobStore;
  readonly recall: Recall;
  /** Opens what people say to the mission, but for what the conversation holds. */
  readonly openInbox: (heard: readonly ConversationMessage[]) => Inbox;
  readonly privateDir: string;
  readonly repo: string;
  readonly branch: string;
  readonly attempt: number;
  /** `<agent_uid>/<epoch>`. */
  readonly chain: string;
  readonly ids: Ids;
  readonly schedule: SnapshotSchedule;
  /** What an earlier attempt left, to go on from. */
  readonly resumed: Resumed | undefined;
  readonly tracer: Tracer;
  readonly clock: Clock;
  readonly random: () => number;
  readonly kill: Kill;
  readonly signal: AbortSignal;
};

/** How long the answer of a tool waits for what the changed files import, which mostly takes some milliseconds. */
const importsMs = 3000;

const markAnswer = (span: Span, answer: ModelAnswer): void => {
  span.setAttributes({
    [GenAi.finishReasons]: [answer.finishReason],
    [GenAi.inputTokens]: answer.inputTokens,
    [GenAi.outputTokens]: answer.outputTokens,
  });
};

/** Puts each turn of the model into a `chat` span and carries its trace to the gateway. */
const traced =
  ({ tracer, model }: CoderOptions, ask: Ask) =>
  (messages: readonly ConversationMessage[]): Promise<ModelAnswer> => {
    const attributes = {
      [GenAi.operationName]: GenAiOperation.chat,
      [GenAi.providerName]: model.provider,
      [GenAi.requestModel]: model.name,
      // The gateway records the exchange as a frame, so nobody makes another of this span.
      [Enchanted.eventId]: "gateway",
    };
    return tracer.startActiveSpan(`${GenAiOperation.chat} ${model.name}`, { attributes }, async (span) => {
      const traceparent = traceparentOf(span);
      try {
        const answer = await ask(messages, traceparent === undefined ? {} : { traceparent });
        markAnswer(span, answer);
        return answer;
      } catch (error) {
        span.setStatus({ code: SpanStatusCode.ERROR, message: String(error).slice(0, 500) });
        throw error;
      } finally {
        span.end();
      }
    });
  };

// For a column of some eighty characters. It is cut by who shows it: the scribe finds a secret only where it is whole.
const waitingFor = ({ message }: ModelFailure, waitMs: number, next: number): string => {
  const words = message.replace(/^the model (answered with status )?/, "").replaceAll(/\s+/g, " ");
  return `waiting ${Math.round(waitMs / 1000)} s for the model, try ${next}: ${words}`;
};

// As the record has it, and lessons of other missions name theirs.
const wordsOf = ({ goal, task }: CoderTask): string =>
  [...new Set([goal, task])].filter((text) => text !== "").join("\n\n");

/** The first messages: the task with what is remembered about it, or what an earlier attempt left. */
const openingOf = async ({ task, resumed, attempt }: CoderOptions, notes: Notes): Promise<ConversationMessage[]> => {
  const resumption = renderResumption(attempt);
  if (resumed !== undefined && resumed.messages.length > 0)
    return [...resumed.messages, { role: "user", content: resumption }];
  const parts = [renderOpening(task), await notes.aboutTask(), resumed === undefined ? "" : resumption];
  return [{ role: "user", content: parts.filter((part) => part !== "").join("\n\n") }];
};

/** Lets a coder do its task: looks, decides, changes, checks, and proposes the change. Throws what ends it early. */
export const runCoder = async (options: CoderOptions): Promise<AgentOutcome> => {
  const { repository, journal, clock, signal, kill, tracer, model } = options;
  const observer = createObserver(repository, options.policy);
  const dependencies = createDependencyReader({ git: repository.record, clock, withinMs: importsMs });
  const conclude = createConclude({
    ...options,
    criteria: options.task.criteria,
    observer,
    workTree: repository.workTree,
  });
  const tools = [
    ...createWorkspaceTools(options, kill),
    createDecide((decision) => journal.decision(decision)),
    createFinish(conclude),
  ];
  const ask = createAsk({
    ...model,
    tools,
    instructions: renderInstructions(options.persona),
    clock,
    random: options.random,
    signal,
    onRetry: (failure, waitMs, next) => journal.heartbeat(waitingFor(failure, waitMs, next)),
  });
  const guard = createRepetitionGuard();
  const notes = createNotes(options.recall, journal, wordsOf(options.task));
  const execute = createExecutor({ tools, journal, observer, dependencies, guard, notes, tracer, clock, signal });
  const snapshots = createSnapshots({ ...options, observer, kept: options.resumed?.kept });
  const inbox = options.openInbox(options.resumed?.messages ?? []);
  const loop = {
    ask: traced(options, ask),
    execute,
    journal,
    heard: inbox.take,
    limits: options.limits,
    windowChars: model.windowChars,
    clock,
    signal,
    onTurn: snapshots.afterTurn,
  };
  try {
    const conclusion = await runLoop(loop, await openingOf(options, notes));
    const headSha = await propose({ ...options, observer }, conclusion);
    return { kind: "succeeded", message: conclusion.title, headSha };
  } catch (error) {
    if (!isRecordGone(error)) await snapshots.atEnd();
    throw error;
  } finally {
    await Promise.all([dependencies.close(), inbox.close()]);
  }
};
