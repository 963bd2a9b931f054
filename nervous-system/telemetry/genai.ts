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

const olderNames: Readonly<Record<string, string>> = {
  "gen_ai.system": GenAi.providerName,
  "gen_ai.usage.prompt_tokens": GenAi.inputTokens,
  "gen_ai.usage.completion_tokens": GenAi.outputTokens,
  "gen_ai.response.finish_reason": GenAi.finishReasons,
  "gen_ai.tool.call_id": GenAi.toolCallId,
};

/** Renames attributes of older conventions to today's; a name of today that is there too wins. */
export const normalizeGenAi = (attributes: Readonly<Record<string, unknown>>): Record<string, unknown> => {
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(attributes)) {
    const today = olderNames[name];
    if (today === undefined) out[name] = value;
    else out[today] ??= value;
  }
  return out;
};
