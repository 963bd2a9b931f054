import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { ConversationMessage, ModelAnswer, RequestedCall, ToolResultMessage } from "../models/conversation.ts";
import type { Conclusion } from "../tools/finish.ts";
import { fitWindow } from "./context-window.ts";
import type { Executed } from "./execute.ts";
import { AgentStopped, decideLimit, type Limits, type Usage } from "./limits.ts";
import type { Journal } from "./journal.ts";

/** What the loop between model and tools needs. */
type LoopOptions = {
  readonly ask: (messages: readonly ConversationMessage[]) => Promise<ModelAnswer>;
  readonly execute: (call: RequestedCall) => Promise<Executed>;
  readonly journal: Journal;
  /** What people said meanwhile. */
  readonly heard: () => readonly ConversationMessage[];
  readonly limits: Limits;
  readonly windowChars: number;
  readonly clock: Pick<Clock, "monotonicMs">;
  /** Told the conversation after each turn; it only grows. */
  readonly onTurn: (messages: readonly ConversationMessage[]) => Promise<void>;
  /** Aborts when the agent is asked to stop. */
  readonly signal: AbortSignal;
};

const complaint = (answer: ModelAnswer): string => {
  if (answer.finishReason === "length") return "Your answer was cut at its length limit. Say less, and call a tool.";
  return "Your answer holds no tool call, so nothing happened. Call a tool; when the work is done, call finish.";
};

const resultMessage = (call: RequestedCall, text: string): ToolResultMessage => ({
  role: "tool",
  content: [{ type: "tool-result", toolCallId: call.id, toolName: call.name, output: { type: "text", value: text } }],
});

const recordThoughts = async (journal: Journal, answer: ModelAnswer): Promise<void> => {
  for (const text of [answer.reasoning, answer.text]) if (text.trim() !== "") await journal.thought(text);
};

type TurnEnd = {
  readonly messages: readonly ConversationMessage[];
  readonly problem: string;
  readonly finished?: Conclusion;
};

const notRun = "not run: finish had ended the work";

/** Runs the calls of one answer in order; `problem` is empty when at least one of them could be run. */
const runCalls = async (options: LoopOptions, calls: readonly RequestedCall[]): Promise<TurnEnd> => {
  const messages: ConversationMessage[] = [];
  const problems: string[] = [];
  let finished: Conclusion | undefined;
  for (const call of calls) {
    options.signal.throwIfAborted();
    const executed = finished === undefined ? await options.execute(call) : { text: notRun, sensible: true };
    messages.push(resultMessage(call, executed.text));
    if (!executed.sensible) problems.push(executed.text);
    if ("finished" in executed) finished = executed.finished;
  }
  const problem = problems.length === calls.length ? (problems.at(-1) ?? "") : "";
  return { messages, problem, ...(finished === undefined ? {} : { finished }) };
};

const takeTurn = async (options: LoopOptions, answer: ModelAnswer): Promise<TurnEnd> => {
  await recordThoughts(options.journal, answer);
  if (answer.calls.length > 0) return runCalls(options, answer.calls);
  const text = complaint(answer);
  return { messages: [{ role: "user", content: text }], problem: text };
};

/** Lets the model work with the tools until it finishes; throws `AgentStopped` at a limit and the signal's reason when stopped. */
export const runLoop = async (options: LoopOptions, opening: readonly ConversationMessage[]): Promise<Conclusion> => {
  const started = options.clock.monotonicMs();
  const messages: ConversationMessage[] = [...opening];
  let used: Usage = { turns: 0, tokens: 0, elapsedMs: 0, nonsenseInARow: 0, lastNonsense: "" };
  for (;;) {
    options.signal.throwIfAborted();
    const failure = decideLimit(used, options.limits);
    if (failure !== undefined) throw new AgentStopped(failure);
    messages.push(...options.heard());
    const answer = await options.ask(fitWindow(messages, options.windowChars));
    const turn = await takeTurn(options, answer);
    if (turn.finished !== undefined) return turn.finished;
    messages.push(answer.message, ...turn.messages);
    await options.onTurn(messages);
    used = {
      turns: used.turns + 1,
      tokens: used.tokens + answer.inputTokens + answer.outputTokens,
      elapsedMs: options.clock.monotonicMs() - started,
      nonsenseInARow: turn.problem === "" ? 0 : used.nonsenseInARow + 1,
      lastNonsense: turn.problem === "" ? used.lastNonsense : turn.problem,
    };
  }
};
