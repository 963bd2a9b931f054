import { describe, expect, it } from "@jest/globals";
import { decideCodexWay } from "./codex.ts";

const decide = (text: string | undefined, ...args: string[]) =>
  decideCodexWay({ arguments: args, settings: [{ file: "config.toml", text }] });

const openAi = (base?: string) => ({ kind: "setting", name: "openai_base_url", base });

describe("the one setting by which a call of codex is sent elsewhere", () => {
  it.each([
    ["nothing is set", 'model = "m"\n[projects."/w"]\ntrust_level = "trusted"', openAi()],
    ["an address is set", 'openai_base_url = "https://mine/v1" # ours', openAi("https://mine/v1")],
    [
      "a provider is chosen",
      'model_provider = \'mine\'\n[model_providers.mine]\nname = "x"\nbase_url = "https://mine/v1"',
      { kind: "setting", name: "model_providers.mine.base_url", base: "https://mine/v1" },
    ],
    ["a provider is there that is not chosen", '[model_providers.mine]\nbase_url = "https://mine/v1"', openAi()],
    [
      "the provider stands behind lists in a list",
      'x = [\n  ["a"],\n  ["b]"] # [\n]\n model_provider = "mine"\n[model_providers . "mine"] # ours\nbase_url = "https://mine/v1"',
      { kind: "setting", name: "model_providers.mine.base_url", base: "https://mine/v1" },
    ],
    [
      "comments look like the ends of prompts",
      '# """\nopenai_base_url = "https://mine/#v1" # """',
      openAi("https://mine/#v1"),
    ],
    ["a prompt looks like a setting", 'developer_instructions = """\nopenai_base_url = "https://not"\n"""', openAi()],
  ])("is found where %s", (_, text, way) => {
    expect(decide(text, "exec", "--", "-c", "model_provider=x")).toEqual(way);
  });

  it.each([
    ["an address with escapes", 'openai_base_url = "https:\\u002f\\u002fmine"'],
    ["an address of several lines", 'openai_base_url = """https://mine"""'],
    ["a provider without an address", 'model_provider = "mine"'],
    ["a provider in one line", 'model_provider = "mine"\nmodel_providers = { mine = { base_url = "https://mine" } }'],
    [
      "Azure, which codex knows by its address",
      'model_provider = "a"\n[model_providers.a]\nbase_url = "https://x.openai.azure.com/v1"',
    ],
    ["a key in its address, which our own would give away", 'openai_base_url = "https://user:key@mine/v1"'],
    [
      "a key in its provider's",
      'model_provider = "mine"\n[model_providers.mine]\nbase_url = "https://user:key@mine/v1"',
    ],
    ["a profile", 'profile = "p"\n[profiles.p]\nmodel_provider = "mine"'],
    ["a file that cannot be read", undefined],
  ])("is none where the settings have %s", (_, text) => {
    expect(decide(text)).toMatchObject({ kind: "left alone" });
  });

  it.each([
    ["--oss"],
    ["--profile=p"],
    ["-p", "p"],
    ["-c", "model_provider=x"],
    ["--config=openai_base_url=x"],
    ["-cprofile=x"],
    ["-pwork"],
    ["-p=work"],
    ["-hp", "work"],
    ["-hcprofile=x"],
    ["-c=model_provider=foo"],
    ["-c", '"model_provider"="foo"'],
    ["-c", " 'model_providers' . x.base_url=foo"],
    ["--config=\"profile\"='x'"],
  ])("is none where the arguments choose: %s %s", (...args) => {
    expect(decide("", "exec", ...args)).toMatchObject({ kind: "left alone" });
    expect(decide("", "exec", "-c", "model=profile", "-c=model=p", "-mcapable", "-ipicture.png")).toEqual(openAi());
  });

  it("is none where two files choose", () => {
    const text = 'openai_base_url = "https://mine"';
    const settings = ["a", "b"].map((file) => ({ file, text }));
    expect(decideCodexWay({ arguments: [], settings })).toMatchObject({ why: "a and b both choose its provider" });
  });
});
