import { describe, expect, it } from "@jest/globals";
import { parseConfig } from "#nervous-system/kernel/config.ts";
import { runtimeEnvironment } from "./config.ts";
import { describeProgram } from "./describe-program.ts";

const programOf = (runtime: object, env: Readonly<Record<string, string>> = {}) => {
  const all = {
    ENCHANTED_MISSION: "m",
    ENCHANTED_AGENT: "m-coder",
    ENCHANTED_GOAL: "Mend it.",
    ENCHANTED_REPO: "https://forge.example.org/a/b.git",
    ENCHANTED_MODEL: "great-1",
    ENCHANTED_RUNTIME: JSON.stringify(runtime),
    HOSTNAME: "pod",
    ...env,
  };
  const parsed = parseConfig(runtimeEnvironment, all);
  if (parsed.kind === "invalid") throw new Error(parsed.message);
  return describeProgram(parsed.value, {
    task: "Goal: $& it.",
    volume: "/workspace",
    traceparent: undefined,
    env: all,
  });
};

describe("describeProgram", () => {
  it("puts the task in place of {task}, as it is, and the mission's arguments behind the row's", () => {
    const { command } = programOf({ kind: "Codex", args: ["-c", "x={task}"] });
    expect(command).toEqual([
      "codex",
      "exec",
      "--dangerously-bypass-approvals-and-sandbox",
      "--output-last-message",
      "/workspace/last-message.md",
      "Goal: $& it.",
      "-c",
      "x=Goal: $& it.",
    ]);
  });

  it("keeps what is ours to itself, and lets the mission's variables win", () => {
    const env = [{ name: "CLAUDE_CONFIG_DIR", value: "/tmp/mine" }];
    const program = programOf({ kind: "ClaudeCode", env }, { ENCHANTED_POLICY: "{}", JAVA_HOME: "/opt/java" });
    expect(program.env).toMatchObject({
      JAVA_HOME: "/opt/java",
      HOME: "/workspace/home",
      ENCHANTED_TASK: "Goal: $& it.",
      ENCHANTED_TASK_FILE: "/workspace/task.md",
      CLAUDE_CONFIG_DIR: "/tmp/mine",
    });
    for (const name of ["ENCHANTED_POLICY", "ENCHANTED_RUNTIME", "ENCHANTED_GOAL", "ENCHANTED_REPO"])
      expect(program.env).not.toHaveProperty(name);
  });

  it("sends Claude Code to the model port without the version, which it adds", () => {
    const { env } = programOf({ kind: "ClaudeCode" });
    expect(env["ANTHROPIC_BASE_URL"]).toBe("http://127.0.0.1:4321/anthropic");
    expect(env["ANTHROPIC_MODEL"]).toBe("great-1");
  });

  it("writes Codex's settings into its home, with the model's name quoted", () => {
    const { env, files } = programOf({ kind: "Codex" }, { ENCHANTED_MODEL: 'a"b' });
    expect(env["CODEX_HOME"]).toBe("/workspace/home/.codex");
    expect(files[".codex/config.toml"]).toMatch(/^model = "a\\"b"\nmodel_provider = "enchanted"\n/);
    expect(files[".codex/config.toml"]).toContain('base_url = "http://127.0.0.1:4321/openai/v1"');
  });

  it.each([
    ["OpenAICompatible", "@ai-sdk/openai-compatible", "http://127.0.0.1:4321/openai/v1"],
    ["Anthropic", "@ai-sdk/anthropic", "http://127.0.0.1:4321/anthropic/v1"],
  ])("has OpenCode speak as its Model does (%s)", (provider, npm, baseURL) => {
    const { files } = programOf({ kind: "OpenCode" }, { ENCHANTED_PROVIDER: provider });
    const settings = JSON.parse(files[".config/opencode/opencode.json"] ?? "") as object;
    expect(settings).toMatchObject({ provider: { enchanted: { npm, options: { baseURL } } } });
  });

  it("starts no cortex", () => {
    expect(() => programOf({ kind: "Cortex" })).toThrow(TypeError);
  });
});
