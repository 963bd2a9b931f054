import { fieldsOf, listOf, memberAt, textOf, wordOf, type Fields } from "./fields.ts";

/** A tool that a model calls. */
export type ToolCall = {
  /** Where a stream may tell of it again it has the same place then, and the same id where it says one. */
  readonly place?: string;
  readonly id?: string;
  readonly name: unknown;
};

/** How one protocol tells of an answer, in a whole one and in the events of a stream alike. */
export type Protocol = {
  readonly stopReason: (document: Fields) => unknown;
  readonly calls: (document: Fields) => readonly ToolCall[];
  /** Whether an event of a stream holds something that the model said, thought or called. */
  readonly hasContent: (document: Fields) => boolean;
  /** Whether an event of a stream tells its client that the answer is complete. */
  readonly isLast: (document: Fields) => boolean;
};

const isSomething = (value: unknown): boolean =>
  (typeof value === "string" && value !== "") || (Array.isArray(value) && value.length > 0);

const chatDelta = ["content", "reasoning_content", "reasoning", "refusal", "tool_calls"];

/** OpenAI's chat completions, and the completions before them. */
const chatCompletions: Protocol = {
  stopReason: (document) => memberAt(document, "choices", 0, "finish_reason"),
  calls: ({ choices }) =>
    listOf(choices).flatMap((choice, at) => {
      const { tool_calls: calls, function_call: call } = fieldsOf(
        fieldsOf(choice)["message"] ?? fieldsOf(choice)["delta"],
      );
      const named = listOf(calls).map((one, place) => ({
        place: `${at}/${wordOf(memberAt(one, "index") ?? place)}`,
        id: wordOf(memberAt(one, "id")),
        name: memberAt(one, "function", "name") ?? memberAt(one, "custom", "name"),
      }));
      return [...named, { place: "function_call", id: `${at}`, name: memberAt(call, "name") }];
    }),
  hasContent: ({ choices }) =>
    listOf(choices).some((choice) => {
      const { delta, text } = fieldsOf(choice);
      return isSomething(text) || chatDelta.some((name) => isSomething(memberAt(delta, name)));
    }),
  // Its streams end with a text that is no JSON: `[DONE]`.
  isLast: () => false,
};

const isToolUse = (block: unknown): boolean => wordOf(memberAt(block, "type")).endsWith("tool_use");

/** Anthropic's messages; a stream opens with the message in `message`. */
const messages: Protocol = {
  stopReason: (document) => textOf(document["stop_reason"], memberAt(document, "delta", "stop_reason")),
  calls: ({ content, content_block: begun, index }) =>
    [...listOf(content).map((block, at) => ({ block, at })), { block: begun, at: index }]
      .filter(({ block }) => isToolUse(block))
      .map(({ block, at }) => ({ place: "block", id: wordOf(at), name: memberAt(block, "name") })),
  hasContent: ({ type }) => type === "content_block_delta",
  isLast: ({ type }) => type === "message_stop",
};

const itemName = (item: unknown): unknown => {
  const type = wordOf(memberAt(item, "type"));
  return type.endsWith("_call") ? (textOf(memberAt(item, "name")) ?? type.replace(/_call$/, "")) : undefined;
};

const unfinished = new Set(["queued", "in_progress"]);
const ended = new Set(["response.completed", "response.failed", "response.incomplete"]);

/** OpenAI's responses; a stream ends with the whole response in `response`. */
const responses: Protocol = {
  stopReason: (document) => {
    const status = memberAt(document["object"] === "response" ? document : document["response"], "status");
    return unfinished.has(wordOf(status)) ? undefined : status;
  },
  calls: ({ output, item, output_index: index, type }) =>
    [...listOf(output), ...(type === "response.output_item.done" ? [item] : [])].map((one, at) => ({
      place: "item",
      id: wordOf(index ?? at),
      name: itemName(one),
    })),
  hasContent: ({ type }) => typeof type === "string" && type.startsWith("response.") && type.endsWith(".delta"),
  isLast: ({ type }) => ended.has(wordOf(type)),
};

const finishReason = (document: Fields): unknown =>
  memberAt(document, "candidates", 0, "finishReason") ?? memberAt(document, "promptFeedback", "blockReason");

const partsOf = ({ candidates }: Fields): readonly unknown[] =>
  listOf(candidates).flatMap((candidate) => listOf(memberAt(candidate, "content", "parts")));

/** Gemini's generateContent and streamGenerateContent; the parts of a stream are whole, none is told again. */
const generateContent: Protocol = {
  stopReason: finishReason,
  calls: (document) => partsOf(document).map((part) => ({ name: memberAt(part, "functionCall", "name") })),
  hasContent: (document) => partsOf(document).length > 0,
  isLast: (document) => finishReason(document) !== undefined,
};

/** Every protocol there is; a document of one says nothing in the words of another. */
export const protocols: readonly Protocol[] = [chatCompletions, messages, responses, generateContent];
