import * as z from "zod";
import { chatRequest, type ChatRequest } from "../conversation.ts";
import { callsOf, countTokens, halves, type Protocol, type StreamEvent, type Turn } from "./protocol.ts";

const part = z.looseObject({ type: z.string(), text: z.string().optional() });
const content = z.union([z.string(), z.array(part)]);
const item = z.looseObject({
  type: z.string().default("message"),
  role: z.string().optional(),
  content: z.unknown().optional(),
  call_id: z.string().optional(),
  name: z.string().optional(),
  arguments: z.string().optional(),
  /** What is handed to a tool that takes text. */
  input: z.string().optional(),
  output: content.optional(),
});

const request = z.looseObject({
  model: z.string(),
  instructions: z.string().nullish(),
  input: z.union([z.string(), z.array(item)]),
  stream: z.boolean().optional(),
});

type Item = z.infer<typeof item>;
type Message = ChatRequest["messages"][number];

const isCall = ({ type }: Item): boolean => type === "function_call" || type === "custom_tool_call";

const callOf = (one: Item) => ({
  id: one.call_id ?? "",
  function: { name: one.name ?? "", arguments: one.arguments ?? one.input ?? "" },
});

const messageOf = (one: Item): Message => {
  if (isCall(one)) return { role: "assistant", tool_calls: [callOf(one)] };
  if (one.type.endsWith("_output")) return { role: "tool", tool_call_id: one.call_id, content: one.output };
  if (one.type === "reasoning") return { role: "assistant" };
  const parsed = content.safeParse(one.content);
  return { role: one.role ?? "developer", content: parsed.success ? parsed.data : null };
};

/** Thoughts, texts and calls of one answer are items of their own, side by side. */
const joined = (messages: readonly Message[]): Message[] => {
  const all: Message[] = [];
  for (const one of messages) {
    const last = all.at(-1);
    if (one.role !== "assistant" || last?.role !== "assistant") all.push({ ...one });
    else {
      last.content = one.content ?? last.content;
      last.tool_calls = [...(last.tool_calls ?? []), ...(one.tool_calls ?? [])];
    }
  }
  return all;
};

/** Whether a tool is offered that takes text in place of JSON, wherever among the tools it stands. */
const isCustom = (offered: unknown, name: string): boolean => {
  if (typeof offered !== "object" || offered === null) return false;
  if ("type" in offered && offered.type === "custom" && "name" in offered && offered.name === name) return true;
  return Object.values(offered).some((inner) => isCustom(inner, name));
};

const itemsOf = (turn: Turn): Array<Record<string, unknown>> => {
  const { answer, id, request: asked } = turn;
  const text = answer.text === undefined ? [] : [{ type: "output_text", text: answer.text, annotations: [] }];
  const said = { id: `msg_${id}`, type: "message", role: "assistant", status: "completed", content: text };
  const calls = callsOf(turn).map((call, index) => {
    const common = { call_id: call.id, name: call.name, status: "completed" };
    return isCustom([asked["tools"], asked["input"]], call.name)
      ? { id: `ctc_${id}_${index}`, type: "custom_tool_call", ...common, input: call.arguments }
      : { id: `fc_${id}_${index}`, type: "function_call", ...common, arguments: call.arguments };
  });
  return [...(text.length > 0 ? [said] : []), ...calls];
};

const usageOf = ({ request: asked, answer }: Turn) => {
  const [input, output] = [countTokens(asked.messages), countTokens(answer)];
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: input + output,
  };
};

const responseOf = (turn: Turn, more: object): Record<string, unknown> => ({
  id: `resp_${turn.id}`,
  object: "response",
  created_at: turn.created,
  model: turn.request.model,
  status: "in_progress",
  output: [],
  ...more,
});

const deltasOf = (one: Record<string, unknown>): Array<{ type: string; delta: string }> => {
  if (one["type"] === "function_call")
    return halves(String(one["arguments"])).map((delta) => ({ type: "response.function_call_arguments.delta", delta }));
  if (one["type"] === "custom_tool_call")
    return halves(String(one["input"])).map((delta) => ({ type: "response.custom_tool_call_input.delta", delta }));
  const text = (one["content"] as Array<{ text: string }>)[0]?.text ?? "";
  return halves(text).map((delta) => ({ type: "response.output_text.delta", delta }));
};

const begun = (one: Record<string, unknown>): Record<string, unknown> => ({
  ...one,
  status: "in_progress",
  ...("content" in one ? { content: [] } : {}),
  ...("arguments" in one ? { arguments: "" } : {}),
  ...("input" in one ? { input: "" } : {}),
});

const eventsOf = (one: Record<string, unknown>, at: number): Array<{ type: string } & Record<string, unknown>> => {
  const place = { output_index: at, item_id: one["id"] };
  const part = (one["content"] as unknown[] | undefined)?.[0];
  const within = part === undefined ? {} : { content_index: 0 };
  return [
    { type: "response.output_item.added", output_index: at, item: begun(one) },
    ...(part === undefined
      ? []
      : [{ type: "response.content_part.added", ...place, ...within, part: { type: "output_text", text: "" } }]),
    ...deltasOf(one).map((delta) => ({ ...delta, ...place, ...within })),
    ...(part === undefined ? [] : [{ type: "response.content_part.done", ...place, ...within, part }]),
    { type: "response.output_item.done", output_index: at, item: one },
  ];
};

/** OpenAI's responses. */
export const responses: Protocol = {
  read: (body) => {
    const { instructions, input, ...rest } = request.parse(body);
    const items: Item[] = typeof input === "string" ? [{ type: "message", role: "user", content: input }] : input;
    const first: Message[] = typeof instructions === "string" ? [{ role: "system", content: instructions }] : [];
    return chatRequest.parse({ ...rest, input, messages: [...first, ...joined(items.map(messageOf))] });
  },
  whole: (turn) => responseOf(turn, { status: "completed", output: itemsOf(turn), usage: usageOf(turn) }),
  stream: (turn) => {
    const items = itemsOf(turn);
    const completed = responseOf(turn, { status: "completed", output: items, usage: usageOf(turn) });
    const events = [
      { type: "response.created", response: responseOf(turn, {}) },
      { type: "response.in_progress", response: responseOf(turn, {}) },
      ...items.flatMap(eventsOf),
      { type: "response.completed", response: completed },
    ];
    return events.map((event, at): StreamEvent => ({ event: event.type, data: { ...event, sequence_number: at } }));
  },
};
