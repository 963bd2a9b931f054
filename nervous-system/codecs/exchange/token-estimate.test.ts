import { describe, expect, it } from "@jest/globals";
import { createAnswerReader } from "./answer-reader.ts";
import { tokensOfRequest } from "./token-estimate.ts";

const spokenIn = async (text: string): Promise<number> => {
  const reader = createAnswerReader();
  await reader.readWhole(text);
  return reader.spokenTokens();
};

describe("tokens of an answer at a guess", () => {
  it.each([
    ["a message", { choices: [{ message: { role: "assistant", content: "1234" }, finish_reason: "stop" }] }, 2],
    ["thinking", { choices: [{ delta: { reasoning_content: "1234", content: "56" } }] }, 3],
    ["the arguments of a call", { choices: [{ delta: { tool_calls: [{ function: { arguments: "123456" } }] } }] }, 3],
    ["Anthropic's blocks", { content: [{ type: "text", text: "123456" }] }, 3],
    ["a response of OpenAI's", { object: "response", output: [{ content: [{ text: "12345678" }] }] }, 4],
    ["Gemini's parts", { candidates: [{ content: { parts: [{ text: "12" }] } }] }, 1],
    ["bytes and not characters", { choices: [{ text: "漢字" }] }, 3],
    ["no vector", { data: [{ embedding: [0.1, 0.2] }], model: "m" }, 0],
  ])("count %s", async (_, document, tokens) => {
    expect(await spokenIn(JSON.stringify(document))).toBe(tokens);
  });

  it("are one at least for each event that says something, and nothing is counted twice where a stream tells it again", async () => {
    const event = (data: object): string => `data: ${JSON.stringify(data)}\n\n`;
    const delta = event({ type: "response.output_text.delta", delta: "a" });
    const done = event({ type: "response.output_text.done", text: "aaaaaaaaaa" });
    const whole = { status: "completed", output: [{ content: [{ text: "aaaaaaaaaa" }] }] };
    expect(await spokenIn(delta.repeat(10) + done + event({ type: "response.completed", response: whole }))).toBe(10);
  });

  it("survive an endpoint that nests without end", async () => {
    const nested = `${"[".repeat(50)}"x"${"]".repeat(50)}`;
    expect(await spokenIn(`{"choices":[${nested}]}`)).toBeGreaterThanOrEqual(0);
  });
});

describe("tokens of a request at a guess", () => {
  const tokensOf = (request: Record<string, unknown>): number =>
    tokensOfRequest(request, Buffer.byteLength(JSON.stringify(request)));

  it("are half its bytes", () => {
    expect(tokensOf({ messages: [{ content: "x".repeat(1_000) }] })).toBeGreaterThanOrEqual(500);
  });

  it("are those of an image and not of its bytes, and of a text in its place those of the text", () => {
    const image = `data:image/png;base64,${"A".repeat(100_000)}`;
    const withImage = tokensOf({ content: [{ type: "image_url", image_url: { url: image } }] });
    expect([withImage > 1_900, withImage < 2_100]).toEqual([true, true]);
    expect(tokensOf({ source: { type: "text", data: "some words ".repeat(10_000) } })).toBeGreaterThan(50_000);
    expect(tokensOf({ messages: [{ content: "A".repeat(100_000) }] })).toBeGreaterThanOrEqual(50_000);
  });
});
