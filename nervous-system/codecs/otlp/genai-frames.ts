import { ownOf } from "#nervous-system/kernel/own-of.ts";
import { presentOf } from "#nervous-system/codecs/exchange/fields.ts";
import { answerMembers, requestMembers } from "#nervous-system/codecs/exchange/model-call-members.ts";
import { requestFactsOf } from "#nervous-system/codecs/exchange/request-facts.ts";
import {
  GenAi,
  GenAiCall,
  GenAiContent,
  genAiOperation,
  GenAiOperation,
  normalizeGenAi,
  toolContentNames,
} from "#nervous-system/codecs/genai.ts";
import { eventTypeOf } from "./event-type.ts";
import {
  defined,
  isMembers,
  textIn,
  textOfJson,
  toMembers,
  unfold,
  unlessEmpty,
  type Members,
} from "./frame-values.ts";
import { takeConversation, type GenAiMessage } from "./genai-messages.ts";
import type { OtlpSpan } from "./model.ts";
import { countIn, createRemaining, type Remaining } from "./remaining.ts";

/** What a span did, as an event type and its payload. */
export type SpanStory = {
  type: string;
  payload: Members;
  /** Names of the events that the payload holds already. */
  folded: readonly string[];
};

const durationMs = ({ startNs, endNs }: OtlpSpan): number =>
  startNs > 0n && endNs > startNs ? Number(endNs - startNs) / 1e6 : 0;

const exceptionMessage = (span: OtlpSpan): string | undefined => {
  const exception = span.events.findLast(({ name }) => name === "exception");
  return textIn(exception?.attributes["exception.message"]);
};

/** Why it failed; undefined when it did not. */
const errorOf = (span: OtlpSpan, attributes: Remaining): string | undefined => {
  const type = textIn(attributes.peek(GenAi.errorType));
  if (type === undefined && span.status.code !== "ERROR") return undefined;
  const said = textIn(attributes.peek("error.message")); // as LiteLLM writes it
  return textIn(span.status.message) ?? exceptionMessage(span) ?? said ?? type ?? "failed";
};

const httpStatus = (value: unknown): number | undefined => {
  const status = countIn(value);
  return status !== undefined && status >= 100 && status <= 599 ? status : undefined;
};

/** HTTP status of the answer, where somebody told it: spans seldom do. */
const statusOf = (attributes: Remaining): number | undefined =>
  httpStatus(attributes.peek("http.response.status_code")) ??
  httpStatus(attributes.peek("http.status_code")) ??
  httpStatus(attributes.peek(GenAi.errorType)) ??
  httpStatus(attributes.peek("error.code"));

const reasonIn = (reasons: unknown): string | undefined => {
  const given = unfold(reasons);
  if (!Array.isArray(given)) return textIn(given);
  return textIn([...new Set(given.map(String))].join(", "));
};

const stopReason = (attributes: Remaining, answered: readonly GenAiMessage[]): string | undefined =>
  reasonIn(attributes.take(GenAi.finishReasons)) ?? textIn(answered.at(-1)?.["finish_reason"]);

const tokens = (attributes: Remaining): Members =>
  defined({
    input_tokens: attributes.takeCount(GenAi.inputTokens),
    output_tokens: attributes.takeCount(GenAi.outputTokens),
  });

const toolsCalled = (answered: readonly GenAiMessage[]): readonly string[] =>
  answered
    .flatMap(({ parts }) => parts)
    .flatMap((part) => (isMembers(part) && part["type"] === "tool_call" ? (textIn(part["name"]) ?? []) : []));

const firstTokenMs = (seconds: unknown): number | undefined =>
  typeof seconds === "number" && seconds >= 0 && Number.isFinite(seconds) ? seconds * 1000 : undefined;

/** What a call of a model tells beside its tokens; the definitions of its tools hold more than their names, and stay. */
const callMembers = (attributes: Remaining, answered: readonly GenAiMessage[]): Members => ({
  ...requestMembers({
    ...requestFactsOf({ tools: unfold(attributes.peek(GenAiCall.toolDefinitions)) }),
    ...presentOf({
      effort: attributes.takeText(GenAiCall.effort),
      outputLimit: attributes.takeCount(GenAiCall.outputLimit),
    }),
  }),
  ...answerMembers({
    toolsCalled: toolsCalled(answered),
    ...presentOf({
      model: attributes.takeText(GenAi.responseModel),
      id: attributes.takeText(GenAiCall.responseId),
      cachedTokens: attributes.takeCount(GenAiCall.cachedTokens),
      reasoningTokens: attributes.takeCount(GenAiCall.reasoningTokens),
    }),
  }),
  ...defined({ first_token_ms: firstTokenMs(attributes.take(GenAiCall.timeToFirstChunk)) }),
});

const conversation = (
  attributes: Remaining,
  { events }: OtlpSpan,
): { said: Members; answered: GenAiMessage[]; folded: readonly string[] } => {
  const { asked, answered, folded } = takeConversation(attributes, events);
  const said = defined({
    system_instructions: unfold(attributes.take(GenAiContent.systemInstructions)),
    input_messages: asked.length > 0 ? asked : undefined,
    output_messages: answered.length > 0 ? answered : undefined,
  });
  return { said, answered, folded };
};

const chat = (span: OtlpSpan, attributes: Remaining): SpanStory => {
  const error = errorOf(span, attributes);
  const { said, answered, folded } = conversation(attributes, span);
  const stop_reason = stopReason(attributes, answered);
  const answeredBy = textIn(attributes.peek(GenAi.responseModel));
  const payload = {
    provider: attributes.takeText(GenAi.providerName) ?? "unknown",
    model: attributes.takeText(GenAi.requestModel) ?? answeredBy ?? "unknown",
    ...tokens(attributes),
    ...callMembers(attributes, answered),
    latency_ms: durationMs(span),
    ...defined({ status: statusOf(attributes), stop_reason, error }),
    ...said,
  };
  return { type: "MODEL_CALL", payload, folded };
};

/** A text as it is, also where it was written as JSON; anything else as JSON. */
const asText = (value: unknown): string | undefined => {
  if (value === undefined || value === null) return undefined;
  return typeof value === "string" ? textOfJson(value) : JSON.stringify(value);
};

const tool = (span: OtlpSpan, attributes: Remaining): SpanStory => {
  const error = errorOf(span, attributes);
  const name = attributes.takeText(GenAi.toolName, "traceloop.entity.name");
  const given = attributes.take(
    GenAiContent.toolArguments,
    ...toolContentNames.arguments,
    "input.value",
    "traceloop.entity.input",
  );
  const result = attributes.take(
    GenAiContent.toolResult,
    ...toolContentNames.result,
    "output.value",
    "traceloop.entity.output",
  );
  const payload = {
    tool: name ?? (span.name.replace(/^(?:execute_tool|tools\/call) /, "") || "unknown"),
    arguments: unfold(given) ?? null,
    ok: error === undefined,
    duration_ms: durationMs(span),
    ...defined({ result: asText(result), error, tool_call_id: attributes.takeText(GenAi.toolCallId) }),
  };
  return { type: "ACTION", payload, folded: [] };
};

const agent = (span: OtlpSpan, attributes: Remaining): SpanStory => {
  const error = errorOf(span, attributes);
  const { said, folded } = conversation(attributes, span);
  const payload = {
    agent: attributes.takeText(GenAi.agentName, "traceloop.entity.name") ?? span.name.replace(/^invoke_agent /, ""),
    ok: error === undefined,
    duration_ms: durationMs(span),
    ...tokens(attributes),
    ...defined({ error, agent_id: attributes.takeText(GenAi.agentId) }),
    ...said,
  };
  return { type: "INVOKE_AGENT", payload, folded };
};

const operations: Readonly<Record<string, (span: OtlpSpan, attributes: Remaining) => SpanStory>> = {
  [GenAiOperation.chat]: chat,
  [GenAiOperation.executeTool]: tool,
  [GenAiOperation.invokeAgent]: agent,
};

const other = (operation: string, span: OtlpSpan): SpanStory => ({
  type: eventTypeOf(operation, "SPAN"),
  payload: { duration_ms: durationMs(span), status: span.status.code },
  folded: [],
});

/** The story of a GenAI span of any convention, with all attributes that found no member of their own; undefined for other spans. */
export const genAiStory = (span: OtlpSpan): SpanStory | undefined => {
  const operation = genAiOperation(span.attributes);
  if (operation === undefined) return undefined;
  const attributes = createRemaining(toMembers(normalizeGenAi(span.attributes)));
  const render = ownOf(operations, operation);
  const { payload, ...story } = render?.(span, attributes) ?? other(operation, span);
  return { ...story, payload: { ...payload, ...unlessEmpty("attributes", attributes.rest()) } };
};
