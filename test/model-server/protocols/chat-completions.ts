import { chatRequest } from "../conversation.ts";
import { callsOf, countTokens, halves, type Protocol, type Turn } from "./protocol.ts";

const toolCalls = (turn: Turn) =>
  callsOf(turn).map((call) => ({
    id: call.id,
    type: "function",
    function: { name: call.name, arguments: call.arguments },
  }));

const usageOf = ({ request, answer }: Turn): Record<string, number> => {
  const [prompt, completion] = [countTokens(request.messages), countTokens(answer)];
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
};

const finishReason = ({ answer }: Turn): string => (answer.tools.length > 0 ? "tool_calls" : "stop");

const callDeltas = (call: ReturnType<typeof toolCalls>[number], index: number): unknown[] => {
  const [first = "", ...rest] = halves(call.function.arguments);
  const opening = { index, ...call, function: { name: call.function.name, arguments: first } };
  return [opening, ...rest.map((piece) => ({ index, function: { arguments: piece } }))].map((delta) => ({
    tool_calls: [delta],
  }));
};

/** OpenAI's chat completions. */
export const chatCompletions: Protocol = {
  read: (body) => chatRequest.parse(body),
  whole: (turn) => {
    const { request, answer, created, id } = turn;
    const calls = toolCalls(turn);
    const message = {
      role: "assistant",
      content: answer.text ?? null,
      ...(answer.reasoning === undefined ? {} : { reasoning_content: answer.reasoning }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    };
    return {
      id: `scenario-${id}`,
      object: "chat.completion",
      created,
      model: request.model,
      choices: [{ index: 0, message, finish_reason: finishReason(turn) }],
      usage: usageOf(turn),
    };
  },
  stream: (turn) => {
    const { request, answer, created, id } = turn;
    const chunk = (choices: unknown[], more: object = {}) => ({
      data: { id: `scenario-${id}`, object: "chat.completion.chunk", created, model: request.model, choices, ...more },
    });
    const deltas = [
      { role: "assistant", content: "" },
      ...halves(answer.reasoning ?? "").map((piece) => ({ reasoning_content: piece })),
      ...halves(answer.text ?? "").map((piece) => ({ content: piece })),
      ...toolCalls(turn).flatMap(callDeltas),
    ];
    return [
      ...deltas.map((delta) => chunk([{ index: 0, delta, finish_reason: null }])),
      chunk([{ index: 0, delta: {}, finish_reason: finishReason(turn) }]),
      ...(request.stream_options?.include_usage === true ? [chunk([], { usage: usageOf(turn) })] : []),
    ];
  },
  end: "data: [DONE]\n\n",
};
