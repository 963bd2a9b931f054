import * as z from "zod";
import { chatRequest, type ChatRequest } from "../conversation.ts";
import { callsOf, countTokens, halves, type Protocol, type StreamEvent, type Turn } from "./protocol.ts";

const block = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  id: z.string().optional(),
  name: z.string().optional(),
  input: z.unknown().optional(),
  tool_use_id: z.string().optional(),
  content: z.unknown().optional(),
});
const blocks = z.union([z.string(), z.array(block)]);
const request = z.looseObject({
  model: z.string(),
  max_tokens: z.number(),
  system: blocks.optional(),
  messages: z.array(z.looseObject({ role: z.enum(["user", "assistant"]), content: blocks })),
  stream: z.boolean().optional(),
});

type Block = z.infer<typeof block>;
type Message = ChatRequest["messages"][number];

const asBlocks = (value: unknown): Block[] => {
  const parsed = blocks.safeParse(value);
  if (!parsed.success) return [];
  return typeof parsed.data === "string" ? [{ type: "text", text: parsed.data }] : parsed.data;
};

const textsOf = (all: readonly Block[]) =>
  all.filter(({ type }) => type === "text").map(({ text = "" }) => ({ type: "text", text }));

const messagesOf = (role: string, all: readonly Block[]): Message[] => {
  const calls = all.flatMap(({ type, id = "", name = "", input }) =>
    type === "tool_use" ? [{ id, function: { name, arguments: JSON.stringify(input) } }] : [],
  );
  if (role === "assistant")
    return [{ role, content: textsOf(all), ...(calls.length > 0 ? { tool_calls: calls } : {}) }];
  const results = all.flatMap((one): Message[] =>
    one.type === "tool_result"
      ? [{ role: "tool", tool_call_id: one.tool_use_id, content: textsOf(asBlocks(one.content)) }]
      : [],
  );
  const texts = textsOf(all);
  return [...results, ...(texts.length > 0 ? [{ role, content: texts }] : [])];
};

const contentOf = (turn: Turn): Array<Record<string, unknown>> => [
  ...(turn.answer.text === undefined ? [] : [{ type: "text", text: turn.answer.text }]),
  ...callsOf(turn).map((call) => ({
    type: "tool_use",
    id: call.id,
    name: call.name,
    input: JSON.parse(call.arguments) as unknown,
  })),
];

const stopReason = ({ answer }: Turn): string => (answer.tools.length > 0 ? "tool_use" : "end_turn");

const messageOf = (turn: Turn, more: object): Record<string, unknown> => ({
  id: `msg_${turn.id}`,
  type: "message",
  role: "assistant",
  model: turn.request.model,
  content: [],
  stop_reason: null,
  stop_sequence: null,
  ...more,
});

const deltasOf = (one: Record<string, unknown>): unknown[] =>
  one["type"] === "text"
    ? halves(String(one["text"])).map((text) => ({ type: "text_delta", text }))
    : halves(JSON.stringify(one["input"])).map((partial) => ({ type: "input_json_delta", partial_json: partial }));

const eventsOf = (one: Record<string, unknown>, index: number): Array<{ type: string } & Record<string, unknown>> => [
  {
    type: "content_block_start",
    index,
    content_block: one["type"] === "text" ? { type: "text", text: "" } : { ...one, input: {} },
  },
  ...deltasOf(one).map((delta) => ({ type: "content_block_delta", index, delta })),
  { type: "content_block_stop", index },
];

/** Anthropic's messages. */
export const anthropic: Protocol = {
  read: (body) => {
    const { system, messages, ...rest } = request.parse(body);
    const first: Message[] = system === undefined ? [] : [{ role: "system", content: textsOf(asBlocks(system)) }];
    const said = messages.flatMap(({ role, content }) => messagesOf(role, asBlocks(content)));
    return chatRequest.parse({ ...rest, messages: [...first, ...said] });
  },
  whole: (turn) =>
    messageOf(turn, {
      content: contentOf(turn),
      stop_reason: stopReason(turn),
      usage: { input_tokens: countTokens(turn.request.messages), output_tokens: countTokens(turn.answer) },
    }),
  stream: (turn) => {
    const events = [
      {
        type: "message_start",
        message: messageOf(turn, { usage: { input_tokens: countTokens(turn.request.messages), output_tokens: 1 } }),
      },
      ...contentOf(turn).flatMap(eventsOf),
      {
        type: "message_delta",
        delta: { stop_reason: stopReason(turn), stop_sequence: null },
        usage: { output_tokens: countTokens(turn.answer) },
      },
      { type: "message_stop" },
    ];
    return events.map((event): StreamEvent => ({ event: event.type, data: event }));
  },
};
