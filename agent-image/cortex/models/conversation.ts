import {
  modelMessageSchema,
  type AssistantModelMessage,
  type LanguageModel,
  type ModelMessage,
  type ToolModelMessage,
} from "ai";
import * as z from "zod";

/** One message of a conversation with a model. */
export type ConversationMessage = ModelMessage;

const conversation = z.array(modelMessageSchema);

/** Reads messages from the JSON list that they were kept as; throws where it is none, or holds words that are only ours to say. */
export const parseConversation = (json: string): ConversationMessage[] => {
  const parsed = conversation.safeParse(JSON.parse(json));
  if (!parsed.success) throw new Error(`that is no conversation: ${z.prettifyError(parsed.error)}`);
  if (parsed.data.some(({ role }) => role === "system")) throw new Error("that conversation gives instructions");
  return parsed.data;
};

/** A message that holds what tools answered. */
export type ToolResultMessage = ToolModelMessage;

/** A model that can be asked; `createModel` makes one. */
export type ChatModel = LanguageModel;

/** A call that a model asks for; its input is not validated yet. */
export type RequestedCall = { readonly id: string; readonly name: string; readonly input: unknown };

/** What a model said in one turn. */
export type ModelAnswer = {
  readonly text: string;
  readonly reasoning: string;
  readonly calls: readonly RequestedCall[];
  readonly finishReason: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** The turn as it goes back to the model in later requests; never empty. */
  readonly message: AssistantModelMessage;
};

type Content = Exclude<AssistantModelMessage["content"], string>;

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

// Providers refuse a history with empty answers or with arguments that are no object.
const mendPart = (part: Content[number]): Content[number] =>
  part.type === "tool-call" && !isObject(part.input)
    ? { ...part, input: { unreadable: String(part.input).slice(0, 2_000) } }
    : part;

/** Ids that a model gave twice, or not at all, made one for each call; the others stay. */
export const ownIds = (ids: readonly string[]): string[] => {
  const taken = new Set(ids);
  const seen = new Set<string>();
  return ids.map((id) => {
    let own = id;
    for (let n = 2; own === "" || seen.has(own) || (own !== id && taken.has(own)); n += 1) own = `${id || "call"}-${n}`;
    seen.add(own);
    return own;
  });
};

/** The parts with an id of its own for each call, in the order in which `ownIds` gives them. */
const withOwnIds = (parts: Content): Content => {
  const ids = ownIds(parts.flatMap((part) => (part.type === "tool-call" ? [part.toolCallId] : [])));
  return parts.map((part) =>
    part.type === "tool-call" ? { ...part, toolCallId: ids.shift() ?? part.toolCallId } : part,
  );
};

const isThere = (part: Content[number]): boolean => part.type !== "text" || part.text !== "";

/** The assistant's turn among the messages of a response, made fit to be sent back. */
export const historyOf = (messages: readonly ModelMessage[]): AssistantModelMessage => {
  const message = messages.find((one) => one.role === "assistant");
  const content = message?.content ?? [];
  const parts: Content = typeof content === "string" ? [{ type: "text", text: content }] : content;
  const mended = withOwnIds(parts.map(mendPart)).filter(isThere);
  const said = mended.some((part) => part.type !== "reasoning");
  return { role: "assistant", content: said ? mended : [{ type: "text", text: "(no answer)" }] };
};
