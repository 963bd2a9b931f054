import { describe, expect, it } from "@jest/globals";
import { modelEnvironment, modelTarget } from "./routes.ts";

const openAi = "http://127.0.0.1:9/openai/v1";
const anthropic = "http://127.0.0.1:9/anthropic";

/** Where a client ends up that appends `rest` to the base which it finds in `variable`. */
const endOf = (variable: string, rest: string, env: Record<string, string>): string | undefined => {
  const base = modelEnvironment(9, env).variables[variable];
  return base === undefined ? undefined : modelTarget(`${new URL(base).pathname}${rest}`, env)?.url.href;
};

describe("the base URLs of a program", () => {
  it("are the port's, and lead to the providers where nobody set another", () => {
    expect(modelEnvironment(9, { OPENAI_BASE_URL: "" })).toEqual({
      variables: { OPENAI_BASE_URL: openAi, ANTHROPIC_BASE_URL: anthropic },
      leftAlone: [],
    });
    expect(endOf("OPENAI_BASE_URL", "/chat/completions?a=1", {})).toBe(
      "https://api.openai.com/v1/chat/completions?a=1",
    );
    expect(endOf("ANTHROPIC_BASE_URL", "/v1/messages", {})).toBe("https://api.anthropic.com/v1/messages");
    expect(endOf("ANTHROPIC_BASE_URL", "/messages", {})).toBe("https://api.anthropic.com/v1/messages");
  });

  it.each([
    ["OPENAI_BASE_URL", "https://mine/v9/", "/chat/completions", "https://mine/v9/chat/completions"],
    ["OPENAI_API_BASE", "https://mine/v9", "/chat/completions", "https://mine/v9/chat/completions"],
    ["ANTHROPIC_BASE_URL", "https://mine", "/v1/messages", "https://mine/v1/messages"],
    ["ANTHROPIC_API_BASE", "https://mine", "/v1/messages", "https://mine/v1/messages"],
  ])("lead to what %s said before", (variable, base, rest, end) => {
    expect(endOf(variable, rest, { [variable]: base })).toBe(end);
  });

  it("send no key of a program that was told of another place by its second name to the provider", () => {
    const env = { OPENAI_API_BASE: "https://mine/v1", ANTHROPIC_API_BASE: "https://mine" };
    expect(Object.keys(modelEnvironment(9, env).variables)).toEqual(["OPENAI_API_BASE", "ANTHROPIC_API_BASE"]);
  });

  it("keep two names for two places apart", () => {
    const env = { OPENAI_BASE_URL: "https://one/v1", OPENAI_API_BASE: "https://two/v1" };
    expect(endOf("OPENAI_BASE_URL", "/models", env)).toBe("https://one/v1/models");
    expect(endOf("OPENAI_API_BASE", "/models", env)).toBe("https://two/v1/models");
  });

  it("stay as they are, and it is said, where something else may send calls elsewhere", () => {
    expect(modelEnvironment(9, { OPENAI_HOST: "https://mine", CLAUDE_CODE_USE_BEDROCK: "1" })).toEqual({
      variables: {},
      leftAlone: [
        "OPENAI_HOST may send model calls (OpenAICompatible) elsewhere, so they are not recorded",
        "CLAUDE_CODE_USE_BEDROCK may send model calls (Anthropic) elsewhere, so they are not recorded",
      ],
    });
  });
});
