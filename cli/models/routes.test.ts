import { describe, expect, it } from "@jest/globals";
import { inArguments } from "./path-secret.ts";
import { modelTarget, planModelWays, tellProgram, type RouteInputs } from "./routes.ts";

const openAi = "http://127.0.0.1:9/s3/openai/v1";
const anthropic = "http://127.0.0.1:9/s3/anthropic";

const firstParty = "_CLAUDE_CODE_ASSUME_FIRST_PARTY_BASE_URL";

const plan = (env: Record<string, string>, more: Partial<RouteInputs> = {}) =>
  planModelWays({ env, dotenv: new Map(), geminiSignIn: undefined, codex: undefined, ...more });

const told = (env: Record<string, string>, more?: Partial<RouteInputs>) =>
  tellProgram({ port: 9, secret: "s3" }, plan(env, more));

/** Where a client ends up that appends `rest` to the base which it finds in `variable`. */
const endOf = (
  variable: string,
  rest: string,
  env: Record<string, string>,
  more?: Partial<RouteInputs>,
): string | undefined => {
  const base = told(env, more).variables[variable];
  const url = `${URL.parse(base ?? "")?.pathname.slice("/s3".length)}${rest}`;
  return base === undefined ? undefined : modelTarget({ url, headers: {} }, plan(env, more))?.url.href;
};

describe("the base URLs of a program", () => {
  it("are the port's, and lead to the providers where nobody set another", () => {
    expect(told({ OPENAI_BASE_URL: "" })).toEqual({
      variables: { OPENAI_BASE_URL: openAi, ANTHROPIC_BASE_URL: anthropic, [firstParty]: "1" },
      arguments: [],
    });
    expect(plan({ OPENAI_BASE_URL: "" }).leftAlone).toEqual([]);
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
    [
      "GOOGLE_GEMINI_BASE_URL",
      "https://mine",
      "/v1beta/models/m:generateContent",
      "https://mine/v1beta/models/m:generateContent",
    ],
    ["GOOGLE_VERTEX_BASE_URL", "https://mine", "/v1/m:generateContent", "https://mine/v1/m:generateContent"],
    ["CODE_ASSIST_ENDPOINT", "https://mine", "/v1internal:generateContent", "https://mine/v1internal:generateContent"],
  ])("lead to what %s said before", (variable, base, rest, end) => {
    expect(endOf(variable, rest, { [variable]: base })).toBe(end);
  });

  it("send no key of a program that was told of another place by its second name to the provider", () => {
    const env = { OPENAI_API_BASE: "https://mine/v1", ANTHROPIC_API_BASE: "https://mine" };
    expect(Object.keys(told(env).variables)).toEqual(["OPENAI_API_BASE", "ANTHROPIC_API_BASE"]);
  });

  it.each(["https://api.anthropic.com", "https://API.anthropic.com:443/"])(
    "leave Claude Code the policy of its organisation, which it asks for only at Anthropic itself: %s",
    (base) => {
      expect(told({ ANTHROPIC_BASE_URL: base }).variables).toMatchObject({ [firstParty]: "1" });
    },
  );

  it.each<Record<string, string>>([
    { ANTHROPIC_BASE_URL: "https://mine" },
    { ANTHROPIC_BASE_URL: "https://api.anthropic.com.mine" },
    { ANTHROPIC_API_BASE: "https://api.anthropic.com" },
    { CLAUDE_CODE_USE_FOUNDRY: "1" },
    { [firstParty]: "0" },
    { [firstParty]: "" },
  ])("say nothing of Anthropic itself to a program that has %j", (env) => {
    expect(told(env).variables).not.toHaveProperty(firstParty);
  });

  it("say nothing of it where Claude Code's settings may name another place", () => {
    const dotenv = new Map([["ANTHROPIC_BASE_URL", "/home/.claude/settings.json"]]);
    expect(told({ ANTHROPIC_BASE_URL: "https://api.anthropic.com" }, { dotenv }).variables).toEqual({
      OPENAI_BASE_URL: openAi,
      ANTHROPIC_BASE_URL: anthropic,
    });
  });

  it("keep two names for two places apart", () => {
    const env = { OPENAI_BASE_URL: "https://one/v1", OPENAI_API_BASE: "https://two/v1" };
    expect(endOf("OPENAI_BASE_URL", "/models", env)).toBe("https://one/v1/models");
    expect(endOf("OPENAI_API_BASE", "/models", env)).toBe("https://two/v1/models");
  });

  it("stay as they are, and it is said, where something else may send calls elsewhere", () => {
    const planned = plan({ OPENAI_HOST: "https://mine", CLAUDE_CODE_USE_BEDROCK: "1" });
    expect(planned).toEqual({
      ways: [],
      leftAlone: [
        "OPENAI_HOST may send model calls (OpenAICompatible) elsewhere, so they are not recorded",
        "CLAUDE_CODE_USE_BEDROCK may send model calls (Anthropic) elsewhere, so they are not recorded",
      ],
    });
  });

  it("stay as they are where a file of variables may name another, which some programs read and others do not", () => {
    const dotenv = new Map([
      ["OPENAI_API_BASE", "/w/.env"],
      ["OTHER", "/w/.env"],
    ]);
    expect(plan({}, { dotenv })).toMatchObject({
      ways: [{ provider: "Anthropic" }],
      leftAlone: [
        "OPENAI_API_BASE in /w/.env may send model calls (OpenAICompatible) elsewhere, so they are not recorded",
      ],
    });
  });
});

describe("the base URLs behind a proxy that does not speak HTTP", () => {
  const socks = { ALL_PROXY: "socks5://127.0.0.1:1080" };

  it("stay as they are, and it is said", () => {
    const codex = { kind: "setting", name: "openai_base_url", base: undefined } as const;
    expect(plan(socks, { codex })).toEqual({
      ways: [],
      leftAlone: ["ALL_PROXY names no proxy of HTTP, so model calls (OpenAICompatible, Anthropic) are not recorded"],
    });
    expect(plan({ https_proxy: "socks5://s", OPENAI_BASE_URL: "http://mine" })).toMatchObject({
      ways: [{ provider: "OpenAICompatible" }],
      leftAlone: ["https_proxy names no proxy of HTTP, so model calls (Anthropic) are not recorded"],
    });
  });

  it("are the port's where NO_PROXY or another proxy leads there", () => {
    const direct = { ...socks, NO_PROXY: "openai.com" };
    expect(Object.keys(told(direct).variables)).toEqual(["OPENAI_BASE_URL"]);
    expect(plan({ ...socks, HTTPS_PROXY: "http://p" }).leftAlone).toEqual([]);
  });

  it("stay as they are where one account of codex would be asked by it", () => {
    const codex = { kind: "setting", name: "openai_base_url", base: undefined } as const;
    expect(told({ ...socks, NO_PROXY: "openai.com" }, { codex }).arguments).toEqual([]);
    expect(told({ ...socks, NO_PROXY: "openai.com,chatgpt.com" }, { codex }).arguments).toHaveLength(2);
  });
});

describe("the base URLs of gemini-cli", () => {
  const key = { GEMINI_API_KEY: "k" };
  it("are set where its settings say how it signs in, without which it would not start", () => {
    expect(endOf("GOOGLE_GEMINI_BASE_URL", "/v1beta/x", key, { geminiSignIn: "gemini-api-key" })).toBe(
      "https://generativelanguage.googleapis.com/v1beta/x",
    );
    expect(plan(key).leftAlone).toEqual([expect.stringContaining("security.auth.selectedType")]);
    expect(told(key).variables).not.toHaveProperty("GOOGLE_GEMINI_BASE_URL");
    expect(plan({}).leftAlone).toEqual([]);
  });

  it("lead to the service for Google accounts where one is signed in", () => {
    const more = { geminiSignIn: "oauth-personal" };
    expect(endOf("CODE_ASSIST_ENDPOINT", "/v1internal:x", {}, more)).toBe(
      "https://cloudcode-pa.googleapis.com/v1internal:x",
    );
    expect(told({}, { geminiSignIn: "gemini-api-key" }).variables).not.toHaveProperty("CODE_ASSIST_ENDPOINT");
  });
});

describe("the address of codex", () => {
  const ended = (codex: RouteInputs["codex"], headers: Record<string, string>) =>
    modelTarget({ url: "/codex/responses", headers }, plan({}, { codex }))?.url.href;

  it("is given as a setting of this call, and leads to where the account is served", () => {
    const codex = { kind: "setting", name: "openai_base_url", base: undefined } as const;
    expect(told({}, { codex }).arguments).toEqual([
      "-c",
      `openai_base_url="http://127.0.0.1:9/${inArguments("s3")}/codex"`,
    ]);
    expect(ended(codex, {})).toBe("https://api.openai.com/v1/responses");
    expect(ended(codex, { "chatgpt-account-id": "a" })).toBe("https://chatgpt.com/backend-api/codex/responses");
  });

  it("leads to what its settings say, whoever is signed in", () => {
    const codex = { kind: "setting", name: "openai_base_url", base: "https://mine/v1/" } as const;
    expect(ended(codex, { "chatgpt-account-id": "a" })).toBe("https://mine/v1/responses");
  });

  it("is left alone, and it is said, where that cannot be told", () => {
    expect(plan({}, { codex: { kind: "left alone", why: "--oss chooses its provider" } }).leftAlone).toEqual([
      "codex: --oss chooses its provider, so its model calls are not recorded",
    ]);
  });
});
