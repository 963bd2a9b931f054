import { generateText, tool as declareTool, type LanguageModel, type ModelMessage, type ToolSet } from "ai";
import { fullJitterMs } from "#nervous-system/kernel/backoff.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { AgentStopped } from "../engine/limits.ts";
import type { Tool } from "../tools/tool.ts";
import { historyOf, ownIds, type ModelAnswer } from "./conversation.ts";
import { classifyModelError, ModelTimeout, type ModelFailure } from "./model-failure.ts";

/** How calls of a model are made and repeated. */
type AskOptions = {
  readonly model: LanguageModel;
  readonly tools: readonly Tool[];
  readonly instructions: string;
  readonly clock: Clock;
  readonly random: () => number;
  /** Time limit of one call, and of all tries of one turn together, in milliseconds. */
  readonly callMs: number;
  readonly retryMs: number;
  readonly maxOutputTokens: number;
  readonly signal: AbortSignal;
  /** Told before each wait; `next` is the number of the try that follows it. */
  readonly onRetry: (failure: ModelFailure, waitMs: number, next: number) => Promise<void>;
};

/** Asks the model for one turn; throws `AgentStopped` when tries and time are used up, or at once for what no try can mend. */
export type Ask = (
  messages: readonly ModelMessage[],
  headers: Readonly<Record<string, string>>,
) => Promise<ModelAnswer>;

// Without `execute` the SDK calls nothing: the loop runs tools itself, one after the other, between two records.
const declare = (tools: readonly Tool[]): ToolSet =>
  Object.fromEntries(
    tools.map(({ name, description, input }) => [name, declareTool({ description, inputSchema: input })]),
  );

const callOnce = async (
  options: AskOptions,
  messages: readonly ModelMessage[],
  headers: Readonly<Record<string, string>>,
): Promise<ModelAnswer> => {
  const limit = new AbortController();
  const cancel = options.clock.after(options.callMs, () =>
    limit.abort(new ModelTimeout(`no answer in ${options.callMs} ms`)),
  );
  try {
    const result = await generateText({
      model: options.model,
      tools: declare(options.tools),
      instructions: options.instructions,
      messages: [...messages],
      maxRetries: 0,
      maxOutputTokens: options.maxOutputTokens,
      abortSignal: AbortSignal.any([limit.signal, options.signal]),
      headers,
    });
    const ids = ownIds(result.toolCalls.map(({ toolCallId }) => toolCallId));
    return {
      text: result.text,
      reasoning: result.reasoningText ?? "",
      calls: result.toolCalls.map((call, at) => ({
        id: ids[at] ?? call.toolCallId,
        name: call.toolName,
        input: call.input as unknown,
      })),
      finishReason: result.finishReason,
      inputTokens: result.usage.inputTokens ?? 0,
      outputTokens: result.usage.outputTokens ?? 0,
      message: historyOf(result.response.messages),
    };
  } catch (error) {
    throw limit.signal.aborted ? limit.signal.reason : error;
  } finally {
    cancel();
  }
};

const backoff = { baseMs: 1_000, capMs: 30_000 };
// A provider that says "wait" is not asked sooner, but one that says "wait an hour" does not decide how long we live.
const longestWaitMs = 120_000;
// Nor does one that says "at once", or a millisecond, make us ask in a loop without a pause.
const shortestWaitMs = 250;

const waitFor = (failure: Extract<ModelFailure, { kind: "retry" }>, tries: number, random: () => number): number =>
  Math.min(
    Math.max(failure.afterMs ?? shortestWaitMs + fullJitterMs(tries, { ...backoff, random }), shortestWaitMs),
    longestWaitMs,
  );

const giveUp = (failure: ModelFailure, tries: number): AgentStopped =>
  new AgentStopped({
    reason: failure.reason,
    message: tries > 1 ? `${failure.message} (${tries} tries)` : failure.message,
    retry: failure.kind === "retry",
  });

/** Creates the one way to ask a model. */
export const createAsk = (options: AskOptions): Ask => {
  const { clock, signal, random } = options;
  return async (messages, headers) => {
    const started = clock.monotonicMs();
    for (let tries = 1; ; tries += 1) {
      try {
        return await callOnce(options, messages, headers);
      } catch (error) {
        signal.throwIfAborted();
        const failure = classifyModelError(error, clock.now());
        if (failure.kind === "stop" || tries >= failure.maxTries) throw giveUp(failure, tries);
        const waitMs = waitFor(failure, tries - 1, random);
        if (clock.monotonicMs() - started + waitMs > options.retryMs) throw giveUp(failure, tries);
        await options.onRetry(failure, waitMs, tries + 1);
        await clock.sleep(waitMs, signal);
      }
    }
  };
};
