import type { RuntimeRow, Told } from "./runtime.ts";

const settings = ({ model, isAnthropic, openaiBaseUrl, anthropicBaseUrl }: Told): object => ({
  autoupdate: false,
  share: "disabled",
  model: `enchanted/${model}`,
  provider: {
    enchanted: {
      npm: isAnthropic ? "@ai-sdk/anthropic" : "@ai-sdk/openai-compatible",
      name: "Enchanted Swarm",
      options: isAnthropic
        ? { baseURL: anthropicBaseUrl, apiKey: "{env:ANTHROPIC_API_KEY}" }
        : { baseURL: openaiBaseUrl, apiKey: "{env:OPENAI_API_KEY}" },
      models: { [model]: { name: model } },
    },
  },
});

/** OpenCode, which speaks chat completions or Messages, as its Model does. */
export const openCode: RuntimeRow = {
  command: (_, { model }) => ["opencode", "run", "-m", `enchanted/${model}`, "{task}"],
  env: () => ({ OPENCODE_DISABLE_MODELS_FETCH: "true", OPENCODE_DISABLE_AUTOUPDATE: "true" }),
  instructions: ".config/opencode/AGENTS.md",
  files: (told) => ({ ".config/opencode/opencode.json": JSON.stringify(settings(told), null, 2) }),
};
