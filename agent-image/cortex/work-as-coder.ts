import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { runCoder } from "./agents/coder.ts";
import { namesOf, openWorkplace, personaOf, taskOf, type Work } from "./attempt.ts";
import { commandEnvironment, type CortexConfig } from "./config.ts";
import { createModel } from "./models/provider.ts";
import { createWorkspaceFiles } from "./workspace/files.ts";

const coderModel = (config: CortexConfig) => {
  const anthropic = config.ENCHANTED_PROVIDER === "Anthropic";
  const model = createModel({
    provider: config.ENCHANTED_PROVIDER,
    model: config.ENCHANTED_MODEL,
    baseUrl: anthropic ? config.ANTHROPIC_BASE_URL : config.OPENAI_BASE_URL,
    apiKey: anthropic ? config.ANTHROPIC_API_KEY : config.OPENAI_API_KEY,
  });
  return {
    model,
    name: config.ENCHANTED_MODEL,
    provider: anthropic ? "anthropic" : "openai",
    callMs: config.ENCHANTED_MODEL_TIMEOUT_MS,
    retryMs: config.ENCHANTED_MODEL_RETRY_MS,
    maxOutputTokens: config.ENCHANTED_MAX_OUTPUT_TOKENS,
    windowChars: config.ENCHANTED_WINDOW_CHARS,
  };
};

const limitsOf = (config: CortexConfig) => ({
  maxTurns: config.ENCHANTED_MAX_TURNS,
  maxTokens: config.ENCHANTED_MAX_TOKENS,
  timeMs: config.ENCHANTED_TIME_LIMIT_MS,
  maxNonsense: 6,
});

/** The cortex's own work: a coder with its model and its tools. */
export const workAsCoder: Work = async (options, means) => {
  const { config, ids } = options;
  const { repository, resumed, privateDir } = await openWorkplace(options, means);
  const home = join(privateDir, "home");
  await mkdir(home);
  return runCoder({
    ...options,
    ...namesOf(config),
    ...means,
    task: taskOf(config),
    persona: personaOf(config),
    model: coderModel(config),
    limits: limitsOf(config),
    repository,
    files: createWorkspaceFiles(repository.workTree, () => ids.next()),
    commandEnv: commandEnvironment(config, home),
    privateDir,
    attempt: config.ENCHANTED_ATTEMPT,
    resumed,
  });
};
