import { GenAiContent } from "#nervous-system/codecs/genai.ts";
import { defined, isMembers, textIn, toMembers, unfold, type Members } from "./frame-values.ts";
import type { OtlpSpanEvent } from "./model.ts";
import type { Remaining } from "./remaining.ts";
import { unflatten } from "./unflatten.ts";

/** A message as the conventions have it since 1.37: role and parts, whatever else its writer said, and why it ended. */
export type GenAiMessage = Members & { role: string; parts: unknown[] };

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : value === undefined ? [] : [value]);

/** A part in the conventions' words; OpenAI and Anthropic call the content of a text `text`. */
const contentPart = (part: unknown): unknown => {
  if (typeof part === "string") return { type: "text", content: part };
  if (!isMembers(part) || part["type"] !== "text" || "content" in part) return part;
  const { text, ...rest } = part;
  return { ...rest, content: text };
};

const contentParts = (content: unknown): unknown[] => listOf(content ?? undefined).map(contentPart);

/** OpenAI nests `{id, function: {name, arguments}}`, OpenInference once more in `tool_call`; OpenLLMetry has them flat. */
const toolCallPart = (call: unknown): unknown => {
  if (!isMembers(call)) return call;
  const inner = isMembers(call["tool_call"]) ? call["tool_call"] : call;
  const said = isMembers(inner["function"]) ? { ...inner, ...inner["function"] } : inner;
  return defined({ type: "tool_call", id: said["id"], name: said["name"], arguments: unfold(said["arguments"]) });
};

const messageMembers = ["role", "parts", "content", "contents", "tool_calls", "message"];

const asTextPart = (value: unknown): unknown[] =>
  contentParts(typeof value === "string" ? value : JSON.stringify(value));

const toMessage = (raw: unknown, role: string): GenAiMessage => {
  const unfolded = unfold(raw);
  if (!isMembers(unfolded)) return { role, parts: contentParts(unfolded) };
  // Input and output of an operation that is no model may be any object.
  if (!messageMembers.some((name) => name in unfolded)) return { role, parts: asTextPart(raw) };
  // OpenInference has each message in `message`, a choice of the older events too, beside why it ended.
  const { message, ...beside } = unfolded;
  const inner = unfold(message);
  const said = isMembers(inner) ? { ...beside, ...inner } : unfolded;
  const { role: own, parts, content, contents, tool_calls: calls, id, ...rest } = said;
  const speaker = textIn(own) ?? role;
  if (Array.isArray(parts)) return { ...rest, ...defined({ id }), role: speaker, parts };
  const body = unfold(content ?? contents);
  if (speaker === "tool")
    return { ...rest, role: speaker, parts: [defined({ type: "tool_call_response", id, response: body })] };
  const toolCalls = listOf(unfold(calls)).map(toolCallPart);
  return { ...rest, ...defined({ id }), role: speaker, parts: [...contentParts(body), ...toolCalls] };
};

const toMessages = (value: unknown, role: string): GenAiMessage[] => {
  const unfolded = unfold(value);
  // The request itself, as OpenInference and OpenLLMetry keep it, holds the list of messages.
  const list = isMembers(unfolded) && Array.isArray(unfolded["messages"]) ? unfolded["messages"] : listOf(unfolded);
  return list.map((message) => toMessage(message === unfolded ? value : message, role));
};

/** One direction of the conversation: where each convention keeps it. */
type Direction = {
  role: string;
  /** Attributes that hold all messages; of today's name and the older one. */
  whole: readonly string[];
  /** Prefixes of attributes that hold one message each, flattened. */
  flattened: readonly string[];
  /** Events that hold one message each, with the role that their name says. */
  events: Readonly<Record<string, string>>;
  /** Attributes that hold input or output of any operation. */
  plain: readonly string[];
};

const input: Direction = {
  role: "user",
  whole: [GenAiContent.inputMessages],
  flattened: ["gen_ai.prompt", "llm.prompts", "llm.input_messages"],
  events: {
    "gen_ai.content.prompt": "user",
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
  },
  plain: ["gen_ai.prompt", "input.value", "traceloop.entity.input"],
};

const output: Direction = {
  role: "assistant",
  whole: [GenAiContent.outputMessages],
  flattened: ["gen_ai.completion", "llm.completions", "llm.output_messages"],
  events: { "gen_ai.content.completion": "assistant", "gen_ai.choice": "assistant" },
  plain: ["gen_ai.completion", "output.value", "traceloop.entity.output"],
};

/** The message in an event: a JSON text in one attribute, or one attribute a member. */
const ofEvent = (event: OtlpSpanEvent, role: string): GenAiMessage[] => {
  const { "gen_ai.system": _system, ...said } = toMembers(event.attributes);
  const whole = said["gen_ai.event.content"] ?? said["gen_ai.prompt"] ?? said["gen_ai.completion"];
  return whole === undefined ? [toMessage(said, role)] : toMessages(whole, role);
};

const ofEvents = ({ events: named }: Direction, events: readonly OtlpSpanEvent[]): GenAiMessage[] =>
  events.flatMap((event) => (Object.hasOwn(named, event.name) ? ofEvent(event, named[event.name] ?? "") : []));

const ofFlattened = ({ flattened, role }: Direction, attributes: Remaining): GenAiMessage[] => {
  for (const prefix of flattened) {
    const found = unflatten(attributes.rest(), prefix);
    if (found === undefined) continue;
    for (const name of found.names) attributes.take(name);
    return found.list.map((message) => toMessage(message, role));
  }
  return [];
};

type Taken = { messages: GenAiMessage[]; folded: readonly string[] };

const takeMessages = (direction: Direction, attributes: Remaining, events: readonly OtlpSpanEvent[]): Taken => {
  const { role, whole, plain } = direction;
  const today = attributes.take(...whole);
  if (today !== undefined) return { messages: toMessages(today, role), folded: [] };
  const older = ofFlattened(direction, attributes);
  if (older.length > 0) return { messages: older, folded: [] };
  const told = ofEvents(direction, events);
  if (told.length > 0) return { messages: told, folded: Object.keys(direction.events) };
  return { messages: toMessages(attributes.take(...plain), role), folded: [] };
};

/** What was asked and answered in a span. */
export type Conversation = {
  asked: GenAiMessage[];
  answered: GenAiMessage[];
  /** Names of the events whose messages these are: such events are no frames of their own. */
  folded: readonly string[];
};

/** Takes what was asked and answered out of a span of any convention. */
export const takeConversation = (attributes: Remaining, events: readonly OtlpSpanEvent[]): Conversation => {
  const asked = takeMessages(input, attributes, events);
  const answered = takeMessages(output, attributes, events);
  return { asked: asked.messages, answered: answered.messages, folded: [...asked.folded, ...answered.folded] };
};
