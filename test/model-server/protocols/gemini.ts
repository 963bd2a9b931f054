import * as z from "zod";
import { chatRequest, type ChatRequest } from "../conversation.ts";
import { callsOf, countTokens, halves, type Protocol, type Turn } from "./protocol.ts";

const part = z.looseObject({
  text: z.string().optional(),
  functionCall: z.looseObject({ id: z.string().optional(), name: z.string(), args: z.unknown() }).optional(),
  functionResponse: z.looseObject({ id: z.string().optional(), name: z.string(), response: z.unknown() }).optional(),
});
const content = z.looseObject({ role: z.string().optional(), parts: z.array(part) });
const request = z.looseObject({
  contents: z.array(content),
  systemInstruction: z.union([z.string(), content]).optional(),
});

type Part = z.infer<typeof part>;
type Message = ChatRequest["messages"][number];

const textsOf = (parts: readonly Part[]) =>
  parts.flatMap(({ text }) => (text === undefined ? [] : [{ type: "text", text }]));

const messagesOf = ({ role, parts }: z.infer<typeof content>): Message[] => {
  const texts = textsOf(parts);
  const calls = parts.flatMap(({ functionCall: call }) =>
    call === undefined
      ? []
      : [{ id: call.id ?? call.name, function: { name: call.name, arguments: JSON.stringify(call.args) } }],
  );
  if (role === "model")
    return [{ role: "assistant", content: texts, ...(calls.length > 0 ? { tool_calls: calls } : {}) }];
  const results = parts.flatMap(({ functionResponse: result }): Message[] =>
    result === undefined
      ? []
      : [{ role: "tool", tool_call_id: result.id ?? result.name, content: JSON.stringify(result.response) }],
  );
  return [...results, ...(texts.length > 0 ? [{ role: "user", content: texts }] : [])];
};

const documentOf = (turn: Turn, parts: readonly unknown[], more: object = {}): unknown => ({
  candidates: [{ index: 0, content: { role: "model", parts }, ...more }],
  usageMetadata: usageOf(turn),
  modelVersion: turn.request.model,
  responseId: turn.id,
});

const usageOf = ({ request: asked, answer }: Turn) => {
  const [prompt, candidates] = [countTokens(asked.messages), countTokens(answer)];
  return { promptTokenCount: prompt, candidatesTokenCount: candidates, totalTokenCount: prompt + candidates };
};

const callPartsOf = (turn: Turn): unknown[] =>
  callsOf(turn).map((call) => ({
    functionCall: { id: call.id, name: call.name, args: JSON.parse(call.arguments) as unknown },
  }));

/** Gemini's generateContent and streamGenerateContent. */
export const gemini: Protocol = {
  read: (body, model) => {
    const { contents, systemInstruction, ...rest } = request.parse(body);
    const system = typeof systemInstruction === "string" ? { parts: [{ text: systemInstruction }] } : systemInstruction;
    const first: Message[] = system === undefined ? [] : [{ role: "system", content: textsOf(system.parts) }];
    return chatRequest.parse({ ...rest, model, messages: [...first, ...contents.flatMap(messagesOf)] });
  },
  whole: (turn) => {
    const texts = turn.answer.text === undefined ? [] : [{ text: turn.answer.text }];
    return documentOf(turn, [...texts, ...callPartsOf(turn)], { finishReason: "STOP" });
  },
  stream: (turn) => [
    ...halves(turn.answer.text ?? "").map((text) => ({ data: documentOf(turn, [{ text }]) })),
    { data: documentOf(turn, callPartsOf(turn), { finishReason: "STOP" }) },
  ],
};
