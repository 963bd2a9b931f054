import type { RuntimeRow, Told } from "./runtime.ts";

// No variable tells codex its base URL, and its own provider begins with a WebSocket: a provider of its settings asks by HTTP.
// JSON's strings are TOML's, too.
const settings = ({ model, openaiBaseUrl }: Told): string =>
  [
    `model = ${JSON.stringify(model)}`,
    'model_provider = "enchanted"',
    // It would run at the provider, which a Model has to allow.
    'web_search = "disabled"',
    "check_for_update_on_startup = false",
    "[analytics]",
    "enabled = false",
    "[model_providers.enchanted]",
    'name = "Enchanted Swarm"',
    `base_url = ${JSON.stringify(openaiBaseUrl)}`,
    'env_key = "OPENAI_API_KEY"',
    'wire_api = "responses"',
    "",
  ].join("\n");

/** OpenAI's Codex, which speaks Responses. Its own sandbox needs rights that no pod of ours has; the pod is one. */
export const codex: RuntimeRow = {
  command: (_, { lastMessageFile }) => [
    "codex",
    "exec",
    "--dangerously-bypass-approvals-and-sandbox",
    "--output-last-message",
    lastMessageFile,
    "{task}",
  ],
  env: ({ home }) => ({ CODEX_HOME: `${home}/.codex` }),
  instructions: ".codex/AGENTS.md",
  files: (told) => ({ ".codex/config.toml": settings(told) }),
};
