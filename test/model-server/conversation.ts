import * as z from "zod";

const part = z.looseObject({ type: z.string(), text: z.string().optional() });
const content = z.union([z.string(), z.array(part), z.null()]).optional();

const message = z.looseObject({
  role: z.string(),
  content,
  tool_call_id: z.string().optional(),
  tool_calls: z
    .array(z.looseObject({ id: z.string(), function: z.looseObject({ name: z.string(), arguments: z.string() }) }))
    .optional(),
});

/** The part of a chat-completions request that a scenario looks at. */
export const chatRequest = z.looseObject({
  model: z.string(),
  messages: z.array(message).min(1),
  stream: z.boolean().optional(),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).optional(),
});

/** A validated request. */
export type ChatRequest = z.infer<typeof chatRequest>;

type Message = ChatRequest["messages"][number];

/** The plain text of a message, parts joined. */
const textOf = (one: Message): string => {
  if (typeof one.content === "string") return one.content;
  return (one.content ?? []).map((piece) => piece.text ?? "").join("");
};

/** How many answers the model has given in this conversation: the number of the step to play now. */
export const turnOf = (request: ChatRequest): number =>
  request.messages.filter((one) => one.role === "assistant").length;

/** What came back since the model's last answer: each tool's result under the tool's name, then other messages. */
export const newMessages = (request: ChatRequest): ReadonlyArray<{ tool?: string; text: string }> => {
  const lastAnswer = request.messages.findLastIndex((one) => one.role === "assistant");
  const calls = new Map((request.messages[lastAnswer]?.tool_calls ?? []).map((call) => [call.id, call.function.name]));
  return request.messages.slice(lastAnswer + 1).map((one) => {
    const tool = one.tool_call_id === undefined ? undefined : calls.get(one.tool_call_id);
    return { text: textOf(one), ...(tool === undefined ? {} : { tool }) };
  });
};
