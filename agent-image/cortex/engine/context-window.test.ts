import { describe, expect, it } from "@jest/globals";
import type { ConversationMessage } from "../models/conversation.ts";
import { fitWindow } from "./context-window.ts";

const call = (id: string): ConversationMessage => ({
  role: "assistant",
  content: [{ type: "tool-call", toolCallId: id, toolName: "read_file", input: {} }],
});
const result = (id: string, chars: number): ConversationMessage => ({
  role: "tool",
  content: [
    { type: "tool-result", toolCallId: id, toolName: "read_file", output: { type: "text", value: "x".repeat(chars) } },
  ],
});
const conversation = ["a", "b", "c", "d", "e"].flatMap((id) => [call(id), result(id, 1_000)]);

describe("fitWindow", () => {
  it("leaves a conversation that fits as it is", () => {
    expect(fitWindow(conversation, 100_000)).toEqual(conversation);
  });

  it("leaves out the oldest results first, never a message, and keeps the latest whole", () => {
    const fitted = fitWindow(conversation, 4_500, 2);
    expect(fitted.map((message) => message.role)).toEqual(conversation.map((message) => message.role));
    const whole = fitted.map((message) => JSON.stringify(message).includes("xxxx"));
    expect(whole).toEqual([false, false, false, false, false, true, false, true, false, true]);
    expect(JSON.stringify(fitted).length).toBeLessThan(JSON.stringify(conversation).length);
  });
});
