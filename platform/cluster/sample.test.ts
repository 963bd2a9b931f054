import { describe, expect, it } from "@jest/globals";
import { findHostedModel } from "./sample.ts";

describe("findHostedModel", () => {
  it("finds none in an environment without keys", () =>
    expect(findHostedModel({ OPENAI_API_KEY: "" })).toBeUndefined());
  it("takes OpenAI's key first, and the address given with it", () =>
    expect(
      findHostedModel({ OPENAI_API_KEY: "k", OPENAI_BASE_URL: "https://models.example/v1", ANTHROPIC_API_KEY: "a" }),
    ).toMatchObject({ provider: "OpenAICompatible", endpoint: "https://models.example/v1", apiKey: "k" }));
  it("takes Anthropic's key when it is the only one", () =>
    expect(findHostedModel({ ANTHROPIC_API_KEY: "a" })).toMatchObject({ provider: "Anthropic", apiKey: "a" }));
});
