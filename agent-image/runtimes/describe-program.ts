import { join } from "node:path";
import type { Told } from "./runtime.ts";
import type { RuntimeConfig } from "./config.ts";
import { runtimes } from "./table.ts";

/** A program as it is to be started, and what its home holds before. */
export type Program = {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly files: Readonly<Record<string, string>>;
};

/** What is said to a program that is no matter of its kind. */
type Circumstances = {
  readonly task: string;
  /** The volume of the workspace. */
  readonly volume: string;
  readonly traceparent: string | undefined;
  /** Our own environment: the image's, the wrapper's and the operator's. */
  readonly env: Readonly<Record<string, string | undefined>>;
};

/** Of our own variables those that a program has a use for; ENCHANTED_TASK is another there. */
const handedOn: ReadonlySet<string> = new Set([
  "ENCHANTED_NAMESPACE",
  "ENCHANTED_MISSION",
  "ENCHANTED_AGENT",
  "ENCHANTED_ATTEMPT",
  "ENCHANTED_SOCKET",
  "ENCHANTED_SERVICE",
  "ENCHANTED_MODEL",
  "ENCHANTED_PROVIDER",
]);

const inherited = (env: Circumstances["env"]): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("ENCHANTED_") || handedOn.has(name)));

const toldOf = (config: RuntimeConfig, { task, volume }: Circumstances): Told => ({
  task,
  taskFile: join(volume, "task.md"),
  proposalFile: join(volume, "proposal.md"),
  lastMessageFile: join(volume, "last-message.md"),
  home: join(volume, "home"),
  model: config.ENCHANTED_MODEL,
  isAnthropic: config.ENCHANTED_PROVIDER === "Anthropic",
  openaiBaseUrl: config.OPENAI_BASE_URL,
  anthropicBaseUrl: config.ANTHROPIC_BASE_URL,
});

const variablesOf = (config: RuntimeConfig, told: Told, traceparent: string | undefined) => ({
  HOME: told.home,
  TRACEPARENT: traceparent ?? config.TRACEPARENT,
  // Anthropic's clients put the version behind the address themselves.
  ANTHROPIC_BASE_URL: told.anthropicBaseUrl.replace(/\/v1\/?$/, ""),
  // Programs refuse to start without a key; the gateway puts the Model's in its place.
  OPENAI_API_KEY: config.OPENAI_API_KEY,
  ANTHROPIC_API_KEY: config.ANTHROPIC_API_KEY,
  ENCHANTED_TASK: told.task,
  ENCHANTED_TASK_FILE: told.taskFile,
  ENCHANTED_PROPOSAL_FILE: told.proposalFile,
});

/** The program of an agent, as its spec and the file of its kind say; throws for the cortex, which is none. */
export const describeProgram = (config: RuntimeConfig, circumstances: Circumstances): Program & { told: Told } => {
  const spec = config.ENCHANTED_RUNTIME;
  if (spec.kind === "Cortex") throw new TypeError("the cortex is started by itself, not as a program");
  const row = runtimes[spec.kind];
  const told = toldOf(config, circumstances);
  const { args = [], env = [] } = spec;
  return {
    told,
    command: [...row.command(spec, told), ...args].map((word) => word.replaceAll("{task}", () => told.task)),
    env: {
      ...inherited(circumstances.env),
      ...variablesOf(config, told, circumstances.traceparent),
      ...row.env?.(told),
      ...Object.fromEntries(env.map(({ name, value }) => [name, value])),
    },
    files: row.files?.(told) ?? {},
  };
};
