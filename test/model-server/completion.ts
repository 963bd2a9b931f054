import type { ChatRequest } from "#test/model-server/conversation.ts";
import type { Answer } from "#test/model-server/scenario.ts";

type Call = { id: string; type: "function"; function: { name: string; arguments: string } };

const callsOf = (answer: Answer, turn: number): Call[] =>
  answer.tools.map((tool, index) => ({
    id: `call_${turn}_${index}`,
    type: "function",
    function: {
      name: tool.name,
      arguments: typeof tool.arguments === "string" ? tool.arguments : JSON.stringify(tool.arguments),
    },
  }));

// Four characters a token is the usual rule of thumb; the point is that usage is there and grows with the conversation.
const tokens = (value: unknown): number => Math.ceil(JSON.stringify(value).length / 4);

const usageOf = (request: ChatRequest, answer: Answer): Record<string, number> => {
  const prompt = tokens(request.messages);
  const completion = tokens(answer);
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
};

const finishReason = (answer: Answer): string => (answer.tools.length > 0 ? "tool_calls" : "stop");

/** Renders an answer as one `chat.completion` object. */
export const renderCompletion = (request: ChatRequest, answer: Answer, turn: number, created: number): unknown => {
  const calls = callsOf(answer, turn);
  const message = {
    role: "assistant",
    content: answer.text ?? null,
    ...(answer.reasoning === undefined ? {} : { reasoning_content: answer.reasoning }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
  return {
    id: `scenario-${turn}`,
    object: "chat.completion",
    created,
    model: request.model,
    choices: [{ index: 0, message, finish_reason: finishReason(answer) }],
    usage: usageOf(request, answer),
  };
};

const halves = (text: string): string[] => {
  const middle = Math.ceil(text.length / 2);
  return [text.slice(0, middle), text.slice(middle)].filter((piece) => piece !== "");
};

const callDeltas = (call: Call, index: number): unknown[] => {
  const [first = "", ...rest] = halves(call.function.arguments);
  const opening = { index, id: call.id, type: "function", function: { name: call.function.name, arguments: first } };
  return [opening, ...rest.map((piece) => ({ index, function: { arguments: piece } }))].map((delta) => ({
    tool_calls: [delta],
  }));
};

/** Renders an answer as the objects of a `chat.completion.chunk` stream, texts and arguments in pieces. */
export const renderChunks = (
  request: ChatRequest,
  answer: Answer,
  turn: number,
  created: number,
): readonly unknown[] => {
  const chunk = (choices: unknown[], more: object = {}): unknown => ({
    id: `scenario-${turn}`,
    object: "chat.completion.chunk",
    created,
    model: request.model,
    choices,
    ...more,
  });
  const deltas = [
    { role: "assistant", content: "" },
    ...halves(answer.reasoning ?? "").map((piece) => ({ reasoning_content: piece })),
    ...halves(answer.text ?? "").map((piece) => ({ content: piece })),
    ...callsOf(answer, turn).flatMap(callDeltas),
  ];
  const usage = request.stream_options?.include_usage === true ? [chunk([], { usage: usageOf(request, answer) })] : [];
  return [
    ...deltas.map((delta) => chunk([{ index: 0, delta, finish_reason: null }])),
    chunk([{ index: 0, delta: {}, finish_reason: finishReason(answer) }]),
    ...usage,
  ];
};
