import type { ConversationMessage, ToolResultMessage } from "../models/conversation.ts";

const elided = (chars: number): string =>
  `[left out to save room: ${chars} characters; call the tool again if you need them]`;

type ToolResult = Extract<ToolResultMessage["content"][number], { type: "tool-result" }>;

const textOf = (result: ToolResult): string => (result.output.type === "text" ? result.output.value : "");

const sizeOf = (message: ConversationMessage): number => JSON.stringify(message.content).length;

const shrink = (message: ToolResultMessage): ToolResultMessage => ({
  ...message,
  content: message.content.map((part) => {
    if (part.type !== "tool-result") return part;
    const text = textOf(part);
    const note = elided(text.length);
    return text.length <= note.length ? part : { ...part, output: { type: "text", value: note } };
  }),
});

/**
 * Fits the conversation into `maxChars` by leaving out the oldest tool results. No message goes away, so calls and results
 * stay paired, and the latest `keep` messages stay whole.
 */
export const fitWindow = (
  messages: readonly ConversationMessage[],
  maxChars: number,
  keep = 6,
): readonly ConversationMessage[] => {
  let size = messages.reduce((sum, message) => sum + sizeOf(message), 0);
  return messages.map((message, index) => {
    if (size <= maxChars || message.role !== "tool" || index >= messages.length - keep) return message;
    const smaller = shrink(message);
    size -= sizeOf(message) - sizeOf(smaller);
    return smaller;
  });
};
