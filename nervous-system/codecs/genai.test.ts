import { describe, expect, it } from "@jest/globals";
import { normalizeGenAi } from "./genai.ts";

describe("normalizeGenAi", () => {
  it("renames what older conventions called otherwise and keeps the rest", () => {
    expect(
      normalizeGenAi({ "gen_ai.system": "openai", "gen_ai.usage.prompt_tokens": 7, "http.method": "POST" }),
    ).toEqual({
      "gen_ai.provider.name": "openai",
      "gen_ai.usage.input_tokens": 7,
      "http.method": "POST",
    });
  });

  it("prefers today's name, in whichever order they come", () => {
    const both = { "gen_ai.usage.input_tokens": 1, "gen_ai.usage.prompt_tokens": 2 };
    const reversed = { "gen_ai.usage.prompt_tokens": 2, "gen_ai.usage.input_tokens": 1 };
    expect([normalizeGenAi(both), normalizeGenAi(reversed)]).toEqual([
      { "gen_ai.usage.input_tokens": 1 },
      { "gen_ai.usage.input_tokens": 1 },
    ]);
  });
});
