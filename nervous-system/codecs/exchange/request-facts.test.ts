import { describe, expect, it } from "@jest/globals";
import { requestMembers, requestIdOf } from "./model-call-members.ts";
import { requestFactsOf } from "./request-facts.ts";

const membersOf = (body: Record<string, unknown>) => requestMembers(requestFactsOf(body));

describe("a request", () => {
  it.each([
    [
      "OpenAI's chat completions",
      {
        tools: [
          { type: "function", function: { name: "read_file" } },
          { type: "custom", custom: { name: "patch" } },
        ],
        reasoning_effort: "low",
        max_completion_tokens: 100,
      },
      { tools_offered: ["read_file", "patch"], effort: "low", output_limit: 100 },
    ],
    [
      "OpenAI's responses",
      {
        tools: [{ type: "function", name: "read_file" }, { type: "web_search" }],
        reasoning: { effort: "high" },
        max_output_tokens: 100,
      },
      { tools_offered: ["read_file", "web_search"], effort: "high", output_limit: 100 },
    ],
    [
      "Anthropic's messages",
      {
        tools: [{ name: "read_file" }, { type: "web_search_20250305", name: "web_search" }],
        thinking: { type: "enabled", budget_tokens: 2_048 },
        output_config: { effort: "medium" },
        max_tokens: 4_096,
      },
      { tools_offered: ["read_file", "web_search"], effort: "medium", thinking_limit: 2_048, output_limit: 4_096 },
    ],
    [
      "Gemini's generateContent",
      {
        tools: [{ functionDeclarations: [{ name: "read_file" }, { name: "grep" }] }, { googleSearch: {} }],
        generationConfig: { maxOutputTokens: 50, thinkingConfig: { thinkingBudget: 10, thinkingLevel: "LOW" } },
      },
      { tools_offered: ["read_file", "grep", "googleSearch"], effort: "LOW", thinking_limit: 10, output_limit: 50 },
    ],
    [
      "one without any of it",
      { tools: "none", max_tokens: -1, generationConfig: { thinkingConfig: { thinkingBudget: -1 } } },
      {},
    ],
  ])("of %s tells the tools that it offers, effort and limits", (_, body, members) => {
    expect(membersOf(body)).toEqual(members);
  });

  it("with more tools than fit a frame tells how many it leaves out", () => {
    const tools = Array.from({ length: 1_000 }, (_, i) => ({ name: `${i}`.padStart(98, "x") }));
    expect(membersOf({ tools })).toMatchObject({ tools_offered: { length: 163 }, tools_offered_omitted: 837 });
  });
});

describe("the id of a request", () => {
  it("is what a provider's headers call it", () => {
    expect(requestIdOf({ "request-id": "req_1" })).toBe("req_1");
    expect(requestIdOf({ "x-request-id": "a", "cf-ray": "b" })).toBe("a");
    expect(requestIdOf({ "x-request-id": ["a", "b"] })).toBeUndefined();
  });
});
