import { SpanStatusCode, type Span, type Tracer } from "@opentelemetry/api";
import * as z from "zod";
import { isJsonObject } from "#nervous-system/kernel/json-object.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { traceparentOf } from "#nervous-system/telemetry/context-propagator.ts";
import { Enchanted, GenAi, GenAiOperation } from "#nervous-system/codecs/genai.ts";
import type { DependencyReader, KnownChange } from "#nervous-system/imports/dependency-reader.ts";
import type { RequestedCall } from "../models/conversation.ts";
import { boundText } from "../tools/bounded-text.ts";
import type { Conclusion } from "../tools/finish.ts";
import type { Tool, ToolAnswer } from "../tools/tool.ts";
import { isRepositoryFailure } from "../workspace/repository.ts";
import type { Observation, Observer } from "../workspace/observation.ts";
import { AgentStopped, type RepetitionGuard } from "./limits.ts";
import type { Journal } from "./journal.ts";
import type { Notes, Touched } from "./notes.ts";
import { describeRepetition, warnOfRepetition } from "./repetition-words.ts";

/** What the model gets for a call. */
export type Executed = {
  readonly text: string;
  /** False for a call that could not even be tried: no such tool, or arguments that do not fit. */
  readonly sensible: boolean;
  readonly finished?: Conclusion;
};

/** What running tools needs. */
type ExecutorOptions = {
  readonly tools: readonly Tool[];
  readonly journal: Journal;
  readonly observer: Observer;
  readonly dependencies: DependencyReader;
  readonly guard: RepetitionGuard;
  readonly notes: Pick<Notes, "aboutTouched">;
  readonly tracer: Tracer;
  readonly clock: Clock;
  /** Aborts when the agent is asked to stop. */
  readonly signal: AbortSignal;
};

type Tried = { readonly answer: ToolAnswer; readonly sensible: boolean };

const answerChars = 24_000;
const warningChars = 4_000;

const refused = (text: string): Tried => ({ answer: { ok: false, text }, sensible: false });

const endsTheAgent = (error: unknown): boolean => error instanceof AgentStopped || isRepositoryFailure(error);

/** Runs a tool within its time limit; a tool that throws has answered. */
const runLimited = async (tool: Tool, input: unknown, options: ExecutorOptions, span: Span): Promise<ToolAnswer> => {
  const limit = new AbortController();
  const { promise: timedOut, reject } = Promise.withResolvers<never>();
  const cancel = options.clock.after(tool.timeoutMs, () => {
    const error = new Error(`${tool.name} did not end within ${tool.timeoutMs} ms`);
    limit.abort(error);
    reject(error);
  });
  const traceparent = traceparentOf(span);
  const signal = AbortSignal.any([limit.signal, options.signal]);
  try {
    return await Promise.race([
      tool.run(input, { signal, ...(traceparent === undefined ? {} : { traceparent }) }),
      timedOut,
    ]);
  } catch (error) {
    if (endsTheAgent(error)) throw error;
    return { ok: false, text: `error: ${error instanceof Error ? error.message : String(error)}` };
  } finally {
    cancel();
  }
};

const tryCall = async (call: RequestedCall, options: ExecutorOptions, span: Span): Promise<Tried> => {
  const tool = options.tools.find((one) => one.name === call.name);
  if (tool === undefined)
    return refused(
      `there is no tool "${call.name.slice(0, 100)}"; there are: ${options.tools.map((one) => one.name).join(", ")}`,
    );
  if (typeof call.input === "string") return refused(`the arguments of ${tool.name} are not a JSON object`);
  const parsed = tool.input.safeParse(call.input);
  if (!parsed.success) return refused(`the arguments of ${tool.name} do not fit:\n${z.prettifyError(parsed.error)}`);
  return { answer: await runLimited(tool, parsed.data, options, span), sensible: true };
};

const summary = ({ changes }: Observation): string =>
  changes.length === 0
    ? ""
    : `\n[changed: ${changes
        .slice(0, 50)
        .map((change) => `${change.path} (${change.change}, +${change.added ?? 0} -${change.removed ?? 0})`)
        .join(", ")}${changes.length > 50 ? `, … ${changes.length} files` : ""}]`;

const warningsOf = ({ warnings }: Observation): string => warnings.map((one) => `\n[warning: ${one}]`).join("");

/** Tools that name one file. */
const fileTools: ReadonlySet<string> = new Set(["read_file", "write_file"]);

const pathIn = ({ name, input }: RequestedCall): string[] =>
  fileTools.has(name) && isJsonObject(input) && typeof input["path"] === "string" ? [input["path"]] : [];

/** What a call had to do with: the file that it names, and what changed by it with the libraries that needs. */
const touchedBy = (call: RequestedCall, changes: readonly KnownChange[]): Touched => ({
  paths: [...pathIn(call), ...changes.map(({ path }) => path)],
  libraries: changes.flatMap(({ dependsOn = [] }) => dependsOn.filter((name) => name.startsWith("pkg:"))),
});

const withSpan = async <T>(call: RequestedCall, tracer: Tracer, work: (span: Span) => Promise<T>): Promise<T> => {
  const name = call.name.slice(0, 100);
  const attributes = {
    [GenAi.operationName]: GenAiOperation.executeTool,
    [GenAi.toolName]: name,
    [GenAi.toolCallId]: call.id,
  };
  return tracer.startActiveSpan(`${GenAiOperation.executeTool} ${name}`, { attributes }, async (span) => {
    try {
      return await work(span);
    } catch (error) {
      span.recordException(error as Error);
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
};

/**
 * Creates the way from a requested call to its answer: the tool runs, then the ACTION and the changes it made are recorded,
 * and only then does the model learn of it. Throws only what ends the agent.
 */
export const createExecutor =
  (options: ExecutorOptions) =>
  (call: RequestedCall): Promise<Executed> =>
    withSpan(call, options.tracer, async (span) => {
      const { journal, observer, dependencies, guard, notes, clock } = options;
      const started = clock.monotonicMs();
      const { answer, sensible } = await tryCall(call, options, span);
      const ok = answer.ok ?? true;
      const durationMs = Math.round(clock.monotonicMs() - started);
      const eventId = await journal.action({
        tool: call.name,
        arguments: call.input,
        result: answer.text,
        ok,
        durationMs,
      });
      span.setAttribute(Enchanted.eventId, eventId);
      if (!ok) span.setStatus({ code: SpanStatusCode.ERROR, message: answer.text.slice(0, 200) });
      const observation = await observer.observe();
      const changes = await dependencies.addTo(observation, options.signal);
      await journal.stateChanges({ ...observation, changes }, call.name);
      const verdict = guard.see({ tool: call.name, input: call.input, result: answer.text, tree: observation.after });
      const repeated = { tool: call.name, ok, result: answer.text };
      if (verdict === "stuck" && answer.finished === undefined)
        throw new AgentStopped({
          reason: "RepeatedActions",
          message: describeRepetition(repeated),
          retry: true,
        });
      const seen = summary(observation) + boundText(warningsOf(observation), warningChars);
      const warning = verdict === "warn" ? warnOfRepetition(repeated) : "";
      const noted = ok && answer.finished === undefined ? await notes.aboutTouched(touchedBy(call, changes)) : "";
      const text = boundText(answer.text, answerChars) + seen + warning + (noted === "" ? "" : `\n${noted}`);
      return { text, sensible, ...(answer.finished === undefined ? {} : { finished: answer.finished }) };
    });
