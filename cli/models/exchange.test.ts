import { describe, expect, it } from "@jest/globals";
import { modelOf } from "./exchange.ts";

const asked = (url: string, body: object = { model: "m" }) => modelOf({ method: "POST", url }, JSON.stringify(body));

describe("the model that a request asks", () => {
  it.each([
    ["/openai/v1/chat/completions?a=1", "m"],
    ["/anthropic/v1/messages?beta=true", "m"],
    ["/openai/v1/responses/compact", "m"],
    ["/gemini/v1beta/models/g-2.5:streamGenerateContent?alt=sse", "g-2.5"],
    ["/vertex/v1/publishers/anthropic/models/claude:rawPredict", "claude"],
  ])("stands in the body or in the path: %s", (url, model) => {
    expect(asked(url)).toBe(model);
    expect(modelOf({ method: "GET", url }, "")).toBeUndefined();
  });

  it.each([
    "/anthropic/v1/messages/count_tokens",
    "/anthropic/v1/messages/count_tokens?beta=true",
    "/codex/responses/input_tokens/",
    "/gemini/v1beta/models/g-2.5:countTokens",
    "/vertex/v1/models/g-2.5:computeTokens?x=1",
    "/vertex/v1/publishers/anthropic/models/count-tokens:rawPredict",
    "/openai/v1/tokenize",
  ])("is none where tokens are counted: %s", (url) => {
    expect(asked(url)).toBeUndefined();
    expect(modelOf({ method: "POST", url }, undefined)).toBeUndefined();
  });
});
