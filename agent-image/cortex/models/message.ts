import type { LanguageModel, ModelMessage, ToolModelMessage } from "ai";

/** One message of a conversation with a model. */
export type ConversationMessage = ModelMessage;

/** A message that holds what tools answered. */
export type ToolResultMessage = ToolModelMessage;

/** A model that can be asked; `createModel` makes one. */
export type ChatModel = LanguageModel;
