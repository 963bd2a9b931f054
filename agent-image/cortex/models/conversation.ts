import type { AssistantModelMessage, LanguageModel, ModelMessage, ToolModelMessage } from "ai";

/** One message of a conversation with a model. */
export type ConversationMessage = ModelMessage;

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

const isThere = (part: Content[number]): boolean => part.type !== "text" || part.text !== "";

/** The assistant's turn among the messages of a response, made fit to be sent back. */
export const historyOf = (messages: readonly ModelMessage[]): AssistantModelMessage => {
  const message = messages.find((one) => one.role === "assistant");
  const content = message?.content ?? [];
  const parts: Content = typeof content === "string" ? [{ type: "text", text: content }] : content;
  const mended = parts.map(mendPart).filter(isThere);
  const said = mended.some((part) => part.type !== "reasoning");
  return { role: "assistant", content: said ? mended : [{ type: "text", text: "(no answer)" }] };
};
