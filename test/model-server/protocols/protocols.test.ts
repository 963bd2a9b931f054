import { describe, expect, it } from "@jest/globals";
import { createAnswerReader } from "#nervous-system/codecs/exchange/answer-reader.ts";
import { newMessages, turnOf } from "../conversation.ts";
import { anthropic } from "./anthropic.ts";
import { chatCompletions } from "./chat-completions.ts";
import { gemini } from "./gemini.ts";
import type { Protocol, Turn } from "./protocol.ts";
import { responses } from "./responses.ts";

const call = { id: "c1", name: "look", arguments: '{"at":"it"}' };

type Case = { name: string; protocol: Protocol; stopReason: string; second: unknown };

/** The request after the model has said "aha" and called a tool, in each protocol's words. */
const cases: readonly Case[] = [
  {
    name: "chat completions",
    protocol: chatCompletions,
    stopReason: "tool_calls",
    second: {
      model: "m",
      messages: [
        { role: "user", content: "hi" },
        { role: "assistant", content: "aha", tool_calls: [{ id: "c1", type: "function", function: call }] },
        { role: "tool", tool_call_id: "c1", content: "seen" },
      ],
    },
  },
  {
    name: "responses",
    protocol: responses,
    stopReason: "completed",
    second: {
      model: "m",
      input: [
        { type: "message", role: "user", content: [{ type: "input_text", text: "hi" }] },
        { type: "reasoning", id: "r", summary: [] },
        { type: "message", role: "assistant", content: [{ type: "output_text", text: "aha" }] },
        { type: "function_call", call_id: "c1", name: "look", arguments: call.arguments },
        { type: "function_call_output", call_id: "c1", output: "seen" },
      ],
    },
  },
  {
    name: "messages",
    protocol: anthropic,
    stopReason: "tool_use",
    second: {
      model: "m",
      max_tokens: 9,
      messages: [
        { role: "user", content: "hi" },
        {
          role: "assistant",
          content: [
            { type: "text", text: "aha" },
            { type: "tool_use", id: "c1", name: "look", input: { at: "it" } },
          ],
        },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "c1", content: "seen" }] },
      ],
    },
  },
  {
    name: "generateContent",
    protocol: gemini,
    stopReason: "STOP",
    second: {
      contents: [
        { role: "user", parts: [{ text: "hi" }] },
        { role: "model", parts: [{ text: "aha" }, { functionCall: { name: "look", args: { at: "it" } } }] },
        { role: "user", parts: [{ functionResponse: { name: "look", response: "seen" } }] },
      ],
    },
  },
];

describe.each(cases)("the scenario model's $name", ({ protocol, stopReason, second }) => {
  const request = protocol.read(second, "m");

  it("find the turn and the tool's result in a conversation", () => {
    expect(turnOf(request)).toBe(1);
    expect(newMessages(request)).toEqual([{ tool: "look", text: expect.stringContaining("seen") }]);
  });

  it("say the same in one document and as a stream", async () => {
    const answer = { text: "aha, and on", tools: [{ name: "look", arguments: { at: "there" } }] };
    const turn: Turn = { request, answer, turn: 1, id: "1", created: 1 };
    const [whole, streamed] = [createAnswerReader(), createAnswerReader()];
    await whole.readWhole(JSON.stringify(protocol.whole(turn)));
    const steps = protocol
      .stream({ ...turn, request: { ...request, stream_options: { include_usage: true } } })
      .map(({ event = "", data }) => streamed.readEvent({ event, data: JSON.stringify(data) }));
    expect(whole.facts()).toMatchObject({
      model: "m",
      stopReason,
      toolsCalled: ["look"],
      inputTokens: expect.any(Number),
    });
    expect(streamed.facts()).toEqual(whole.facts());
    expect(steps.filter(({ last }) => last)).toHaveLength(protocol.end === undefined ? 1 : 0);
  });
});

describe("the scenario model's responses", () => {
  it("call a tool that takes text in the words for such tools", () => {
    const tools = [{ type: "namespace", tools: [{ type: "custom", name: "exec" }] }];
    const request = responses.read({ model: "m", input: "hi", tools }, undefined);
    const answer = { tools: [{ name: "exec", arguments: "look" }] };
    const turn: Turn = { request, answer, turn: 0, id: "0", created: 1 };
    expect(responses.whole(turn)).toMatchObject({
      output: [{ type: "custom_tool_call", name: "exec", input: "look" }],
    });
  });
});
