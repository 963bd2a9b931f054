import { GenAiContent } from "#nervous-system/codecs/genai.ts";
import { defined, isMembers, textIn, toMembers, unfold, type Members } from "./frame-values.ts";
import type { OtlpSpanEvent } from "./model.ts";
import type { Remaining } from "./remaining.ts";
import { contentParts, listOf, toolCallPart } from "./genai-parts.ts";
import { unflatten } from "./unflatten.ts";

/** A message as the conventions have it since 1.37: role and parts, whatever else its writer said, and why it ended. */
export type GenAiMessage = Members & { role: string; parts: unknown[] };

const messageMembers = ["role", "parts", "content", "contents", "tool_calls", "message"];

const asTextPart = (value: unknown): unknown[] =>
  contentParts(typeof value === "string" ? value : JSON.stringify(value));

/** Whether the content of a message of tools says itself which tool answered, as in Vercel's AI SDK. */
const isToolResults = (body: unknown): boolean =>
  Array.isArray(body) && body.every((part) => isMembers(part) && part["type"] === "tool-result");

/** OpenInference has each message in `message`, a choice of the older events too, beside why it ended. */
const withInner = ({ message, ...beside }: Members): Members | undefined => {
  const inner = unfold(message);
  return isMembers(inner) ? { ...beside, ...inner } : undefined;
};

const ofMembers = (said: Members, role: string): GenAiMessage => {
  const { role: own, parts, content, contents, tool_calls: calls, ...rest } = said;
  const body = unfold(content ?? contents);
  // The answer itself, as ADK keeps it, holds the message.
  if (isMembers(body) && Array.isArray(body["parts"])) return ofMembers(body, role);
  const speaker = textIn(own) ?? role;
  const given = Array.isArray(parts) ? parts : body;
  if (speaker === "tool" && given === body && !isToolResults(body)) {
    const { id, ...others } = rest;
    return { ...others, role: speaker, parts: [defined({ type: "tool_call_response", id, response: body })] };
  }
  return { ...rest, role: speaker, parts: [...contentParts(given), ...listOf(unfold(calls)).map(toolCallPart)] };
};

const toMessage = (raw: unknown, role: string): GenAiMessage => {
  const said = unfold(raw);
  if (!isMembers(said)) return { role, parts: contentParts(said) };
  // Input and output of an operation that is no model may be any object.
  if (!messageMembers.some((name) => name in said)) return { role, parts: asTextPart(raw) };
  return ofMembers(withInner(said) ?? said, role);
};

/** The instruction that Gemini's request has beside the messages. */
const instructionIn = (request: unknown): unknown[] => {
  const config = isMembers(request) ? request["config"] : undefined;
  const content = isMembers(config) ? config["system_instruction"] : undefined;
  return content === undefined
    ? []
    : [isMembers(content) ? { ...content, role: "system" } : { role: "system", content }];
};

const isEmpty = (value: unknown): boolean => isMembers(value) && Object.keys(value).length === 0;

const toMessages = (value: unknown, role: string): GenAiMessage[] => {
  const unfolded = unfold(value);
  // The request itself, as OpenInference, OpenLLMetry and ADK keep it, holds the list of messages.
  const held = isMembers(unfolded) ? (unfolded["messages"] ?? unfolded["contents"]) : undefined;
  const list = Array.isArray(held) ? [...instructionIn(unfolded), ...held] : listOf(unfolded);
  return list
    .filter((message) => !isEmpty(message))
    .map((message) => toMessage(message === unfolded ? value : message, role));
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
  plain: [
    "gen_ai.prompt",
    "ai.prompt.messages",
    "gcp.vertex.agent.llm_request",
    "input.value",
    "traceloop.entity.input",
  ],
};

const output: Direction = {
  role: "assistant",
  whole: [GenAiContent.outputMessages],
  flattened: ["gen_ai.completion", "llm.completions", "llm.output_messages"],
  events: { "gen_ai.content.completion": "assistant", "gen_ai.choice": "assistant" },
  plain: ["gen_ai.completion", "gcp.vertex.agent.llm_response", "output.value", "traceloop.entity.output"],
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

/** The events that pydantic-ai until its version 2 writes into one attribute, as the ones they were before. */
const writtenEvents = (attributes: Remaining): OtlpSpanEvent[] => {
  const written = unfold(attributes.peek("events"));
  if (!Array.isArray(written)) return [];
  return written.filter(isMembers).map(({ "event.name": name, ...said }) => ({
    timeNs: 0n,
    name: textIn(name) ?? "",
    attributes: said,
  }));
};

/** The answer that Vercel's AI SDK writes into an attribute for each kind of part. */
const ofResponse = (attributes: Remaining): GenAiMessage[] => {
  const said = attributes.take("ai.response.text", "ai.response.object");
  const calls = listOf(unfold(attributes.take("ai.response.toolCalls")));
  const parts = contentParts([...listOf(said === "" ? undefined : said), ...calls]);
  return parts.length > 0 ? [{ role: "assistant", parts }] : [];
};

type Taken = { messages: GenAiMessage[]; folded: readonly string[] };

const takeMessages = (direction: Direction, attributes: Remaining, events: readonly OtlpSpanEvent[]): Taken => {
  const { role, whole, plain } = direction;
  const today = attributes.take(...whole);
  if (today !== undefined) return { messages: toMessages(today, role), folded: [] };
  const older = ofFlattened(direction, attributes);
  if (older.length > 0) return { messages: older, folded: [] };
  const told = ofEvents(direction, [...events, ...writtenEvents(attributes)]);
  if (told.length > 0) return { messages: told, folded: Object.keys(direction.events) };
  const answer = direction === output ? ofResponse(attributes) : [];
  return { messages: [...answer, ...toMessages(attributes.take(...plain), role)], folded: [] };
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
  if (writtenEvents(attributes).some(({ name }) => asked.folded.includes(name) || answered.folded.includes(name)))
    attributes.take("events");
  return { asked: asked.messages, answered: answered.messages, folded: [...asked.folded, ...answered.folded] };
};
