/** Schema that the names below are taken from: OpenTelemetry semantic conventions, version 1.37. */
export const genAiSchemaUrl = "https://opentelemetry.io/schemas/1.37.0";

/** Attribute names of the GenAI conventions that we write; no other file spells them. */
export const GenAi = {
  operationName: "gen_ai.operation.name",
  providerName: "gen_ai.provider.name",
  requestModel: "gen_ai.request.model",
  responseModel: "gen_ai.response.model",
  finishReasons: "gen_ai.response.finish_reasons",
  inputTokens: "gen_ai.usage.input_tokens",
  outputTokens: "gen_ai.usage.output_tokens",
  agentId: "gen_ai.agent.id",
  agentName: "gen_ai.agent.name",
  conversationId: "gen_ai.conversation.id",
  toolName: "gen_ai.tool.name",
  toolCallId: "gen_ai.tool.call.id",
  errorType: "error.type",
} as const;

/** Values of `gen_ai.operation.name` that we write. */
export const GenAiOperation = { chat: "chat", executeTool: "execute_tool", invokeAgent: "invoke_agent" } as const;

/** Names of ours on spans. */
export const Enchanted = {
  /** On a span or span event: the fact is a frame already, so nobody makes a second frame of it. */
  eventId: "enchanted.event_id",
  mission: "enchanted.mission",
  attempt: "enchanted.attempt",
  cycleSpan: "agent_execution_cycle",
  agentId: "agent.id",
  taskDescription: "task.description",
  startHash: "state.start_hash",
  node: "infrastructure.node",
  decisionMade: "decision_made",
  stateChangeApplied: "state_change_applied",
  payload: "payload",
} as const;

/** Attributes of a call of a model that we only read; those of cache and thinking are newer than 1.37. */
export const GenAiCall = {
  responseId: "gen_ai.response.id",
  cachedTokens: "gen_ai.usage.cache_read.input_tokens",
  reasoningTokens: "gen_ai.usage.reasoning.output_tokens",
  effort: "gen_ai.request.reasoning_effort",
  outputLimit: "gen_ai.request.max_tokens",
  /** In seconds. */
  timeToFirstChunk: "gen_ai.response.time_to_first_chunk",
  toolDefinitions: "gen_ai.tool.definitions",
} as const;

/** Attributes of the conventions from 1.37 on that we only read. */
export const GenAiContent = {
  inputMessages: "gen_ai.input.messages",
  outputMessages: "gen_ai.output.messages",
  systemInstructions: "gen_ai.system_instructions",
  toolArguments: "gen_ai.tool.call.arguments",
  toolResult: "gen_ai.tool.call.result",
} as const;

/** What frameworks call the arguments and the result of a tool: Vercel's AI SDK, ADK, pydantic-ai until its version 3. */
export const toolContentNames = {
  arguments: ["ai.toolCall.args", "gcp.vertex.agent.tool_call_args", "tool_arguments"],
  result: ["ai.toolCall.result", "gcp.vertex.agent.tool_response", "tool_response"],
} as const;

/**
 * What others call the same: OpenTelemetry before 1.37, OpenLLMetry (`llm.usage.*`, `llm.request.*`, `traceloop.*`),
 * OpenInference (`llm.token_count.*`, `input.value`, …) and Vercel's AI SDK until its version 7 (`ai.*`). Of several older
 * names the first here is taken.
 */
const olderNames: ReadonlyArray<readonly [older: string, today: string]> = [
  ["gen_ai.system", GenAi.providerName],
  ["llm.vendor", GenAi.providerName],
  ["llm.system", GenAi.providerName],
  ["llm.provider", GenAi.providerName],
  ["llm.request.model", GenAi.requestModel],
  ["llm.model_name", GenAi.requestModel],
  ["llm.response.model", GenAi.responseModel],
  ["gen_ai.usage.prompt_tokens", GenAi.inputTokens],
  ["llm.usage.prompt_tokens", GenAi.inputTokens],
  ["llm.token_count.prompt", GenAi.inputTokens],
  ["gen_ai.usage.completion_tokens", GenAi.outputTokens],
  ["llm.usage.completion_tokens", GenAi.outputTokens],
  ["llm.token_count.completion", GenAi.outputTokens],
  ["gen_ai.usage.cache_read_input_tokens", GenAiCall.cachedTokens],
  ["gen_ai.usage.details.cache_read_tokens", GenAiCall.cachedTokens],
  ["llm.token_count.prompt_details.cache_read", GenAiCall.cachedTokens],
  ["gen_ai.usage.reasoning_tokens", GenAiCall.reasoningTokens],
  ["gen_ai.usage.details.reasoning_tokens", GenAiCall.reasoningTokens],
  ["llm.token_count.completion_details.reasoning", GenAiCall.reasoningTokens],
  ["llm.request.max_tokens", GenAiCall.outputLimit],
  ["gen_ai.response.finish_reason", GenAi.finishReasons],
  ["llm.response.finish_reason", GenAi.finishReasons],
  ["llm.response.stop_reason", GenAi.finishReasons],
  ["gen_ai.tool.call_id", GenAi.toolCallId],
  ["tool_call.id", GenAi.toolCallId],
  ["tool.name", GenAi.toolName],
  ["agent.name", GenAi.agentName],
  ["ai.model.provider", GenAi.providerName],
  ["ai.model.id", GenAi.requestModel],
  ["ai.response.model", GenAi.responseModel],
  ["ai.response.finishReason", GenAi.finishReasons],
  ["ai.usage.inputTokens", GenAi.inputTokens],
  ["ai.usage.promptTokens", GenAi.inputTokens],
  ["ai.usage.outputTokens", GenAi.outputTokens],
  ["ai.usage.completionTokens", GenAi.outputTokens],
  ["ai.toolCall.name", GenAi.toolName],
  ["ai.toolCall.id", GenAi.toolCallId],
];

/** Renames attributes of older conventions to today's; a name of today that is there too wins. */
export const normalizeGenAi = (attributes: Readonly<Record<string, unknown>>): Record<string, unknown> => {
  const out: Record<string, unknown> = { ...attributes };
  for (const [older, today] of olderNames) {
    if (!Object.hasOwn(out, older)) continue;
    out[today] ??= out[older];
    delete out[older];
  }
  return out;
};

/** Words for a call of a model; LiteLLM names its own functions, of which each asynchronous one begins with an `a`. */
const chats = ["completion", "text_completion", "responses", "anthropic_messages", "generate_content"].flatMap(
  (name) => [name, `a${name}`, `${name}_stream`, `a${name}_stream`],
);
const words: Readonly<Record<string, string>> = {
  ...Object.fromEntries(chats.map((name) => [name, GenAiOperation.chat])),
  embedding: "embeddings",
  aembedding: "embeddings",
};

const vercelWords: Readonly<Record<string, string>> = {
  "ai.toolCall": GenAiOperation.executeTool,
  ...Object.fromEntries(
    ["generateText.doGenerate", "streamText.doStream", "generateObject.doGenerate", "streamObject.doStream"].map(
      (name) => [`ai.${name}`, GenAiOperation.chat],
    ),
  ),
  "ai.embed.doEmbed": "embeddings",
  "ai.embedMany.doEmbed": "embeddings",
};

/** The attribute by which each convention says what a span did, and its words for operations of ours. */
const operationNames: ReadonlyArray<readonly [attribute: string, operations: Readonly<Record<string, string>>]> = [
  [GenAi.operationName, words],
  // Before the model: the span around all steps of one call names it too, and asks none itself.
  ["ai.operationId", vercelWords],
  ["llm.request.type", words],
  [
    "openinference.span.kind",
    {
      LLM: GenAiOperation.chat,
      TOOL: GenAiOperation.executeTool,
      AGENT: GenAiOperation.invokeAgent,
      EMBEDDING: "embeddings",
    },
  ],
  ["traceloop.span.kind", { tool: GenAiOperation.executeTool, agent: GenAiOperation.invokeAgent }],
];

/** Kinds of the framework conventions that are no operation of their own: a step, told by the span's name. */
const isStep = (attribute: string): boolean => attribute.endsWith(".span.kind");

/** The tool of ADK's span that only sums up those that ran beside each other, each of which has a span of its own. */
const MERGED_TOOLS = "(merged tools)";

/** What a span says of its operation, in our words where there is one for it. */
const saidOperation = (attributes: Readonly<Record<string, unknown>>): string | undefined => {
  for (const [attribute, operations] of operationNames) {
    const said = attributes[attribute];
    if (typeof said !== "string" || said === "") continue;
    const ours = Object.hasOwn(operations, said) ? operations[said] : undefined;
    if (ours !== undefined || !isStep(attribute)) return ours ?? said;
  }
  return undefined;
};

/** What a GenAI span did (`chat` for every way to ask a model); undefined when it is no GenAI span. Takes any convention. */
export const genAiOperation = (attributes: Readonly<Record<string, unknown>>): string | undefined => {
  const { [GenAi.toolName]: tool, [GenAi.requestModel]: model } = normalizeGenAi(attributes);
  if (tool === MERGED_TOOLS) return undefined;
  const said = saidOperation(attributes);
  // The first conventions had no operation; who names a model asked one, and who names a tool alone ran it.
  if (said !== undefined || typeof model === "string") return said ?? GenAiOperation.chat;
  return typeof tool === "string" && tool !== "" ? GenAiOperation.executeTool : undefined;
};
