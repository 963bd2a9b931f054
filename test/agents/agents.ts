import type { Package } from "./install.ts";

/** How one agent is run, and how it finds the model server in its own documented way. */
export type Agent = {
  /** As the table calls it; also its scenario's name. */
  readonly name: string;
  readonly package: Package;
  readonly command: string;
  /** Which way to the model it takes. */
  readonly way: string;
  readonly arguments: readonly string[];
  readonly env: (base: string) => Readonly<Record<string, string>>;
  /** Files of its home directory, by path. */
  readonly files?: (base: string) => Readonly<Record<string, string>>;
};

/** Keeps litellm from asking for its table of prices, which no model server has. */
const offline = { LITELLM_LOCAL_MODEL_COST_MAP: "True" };

const TASK = "Change hello to goodbye in greeting.txt and write what you did to notes.txt.";

const codexArguments = ["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", TASK];

/** The agents that people run, each with the protocol and the way of giving an address that is most its own. */
export const agents: readonly Agent[] = [
  {
    name: "codex",
    package: "codex",
    command: "codex",
    way: "Responses over WebSocket; `openai_base_url` in its settings file",
    arguments: codexArguments,
    env: () => ({ CODEX_API_KEY: "scenario:codex" }),
    files: (base) => ({ ".codex/config.toml": `model = "scenario"\nopenai_base_url = "${base}/v1"\n` }),
  },
  {
    name: "codex-provider",
    package: "codex",
    command: "codex",
    way: "Responses over HTTP; `model_providers` in its settings file",
    arguments: codexArguments,
    env: () => ({ MINE_KEY: "scenario:codex-provider" }),
    files: (base) => ({
      ".codex/config.toml": [
        'model = "scenario"',
        'model_provider = "mine"',
        "[model_providers.mine]",
        'name = "Mine"',
        `base_url = "${base}/v1"`,
        'env_key = "MINE_KEY"',
        'wire_api = "responses"',
        "",
      ].join("\n"),
    }),
  },
  {
    name: "opencode",
    package: "opencode",
    command: "opencode",
    way: "Anthropic messages; `ANTHROPIC_BASE_URL`",
    arguments: ["run", "-m", "anthropic/claude-sonnet-4-5", TASK],
    env: (base) => ({
      ANTHROPIC_API_KEY: "scenario:opencode",
      ANTHROPIC_BASE_URL: `${base}/v1`,
      OPENCODE_DISABLE_MODELS_FETCH: "true",
    }),
  },
  {
    name: "aider",
    package: "aider",
    command: "aider",
    way: "Chat completions, streamed; `OPENAI_API_BASE`",
    arguments: [
      "--model=openai/scenario",
      "--edit-format=whole",
      "--yes-always",
      "--no-pretty",
      "--no-check-update",
      "--analytics-disable",
      "--no-show-release-notes",
      "--no-gitignore",
      `--message=${TASK}`,
      "greeting.txt",
      "notes.txt",
    ],
    env: (base) => ({ OPENAI_API_KEY: "scenario:aider", OPENAI_API_BASE: `${base}/v1`, ...offline }),
  },
  {
    name: "mini-swe-agent",
    package: "mini-swe-agent",
    command: "mini",
    way: "Chat completions, whole; `OPENAI_BASE_URL`",
    arguments: ["-m", "openai/scenario", "-t", TASK, "-y", "--exit-immediately", "-l", "0"],
    env: (base) => ({
      OPENAI_API_KEY: "scenario:mini-swe-agent",
      OPENAI_BASE_URL: `${base}/v1`,
      MSWEA_CONFIGURED: "true",
      MSWEA_COST_TRACKING: "ignore_errors",
      ...offline,
    }),
  },
  {
    name: "gemini",
    package: "gemini",
    command: "gemini",
    way: "Gemini streamGenerateContent; `GOOGLE_GEMINI_BASE_URL`",
    arguments: ["-m", "gemini-2.5-flash", "--yolo", "--skip-trust", "-p", TASK],
    env: (base) => ({ GEMINI_API_KEY: "scenario:gemini", GOOGLE_GEMINI_BASE_URL: base }),
    files: () => ({ ".gemini/settings.json": '{"security":{"auth":{"selectedType":"gemini-api-key"}}}' }),
  },
];
