import * as z from "zod";
import { defaultPolicy, type ChangePolicy } from "#nervous-system/git/change-policy.ts";
import { digest } from "#nervous-system/schemas/frames/define-frame.ts";
import { workspacePolicy } from "#nervous-system/schemas/resources/mission.ts";
import { shellEnvironment } from "#nervous-system/kernel/shell.ts";

const commands = z.string().transform((text, context): string[] => {
  try {
    return z.array(z.string().min(1)).parse(JSON.parse(text));
  } catch {
    context.addIssue({ code: "custom", message: "is not a JSON list of commands" });
    return z.NEVER;
  }
});

const policy = z.string().transform((text, context): ChangePolicy => {
  try {
    return workspacePolicy.parse(JSON.parse(text));
  } catch {
    context.addIssue({ code: "custom", message: "is no JSON of a workspace.policy" });
    return z.NEVER;
  }
});

const milliseconds = (usual: number) => z.coerce.number().int().min(1).default(usual);

/** The environment of the cortex; contracts.md §2 has the variables that the operator sets. */
export const cortexEnvironment = z.object({
  ENCHANTED_MISSION: z.string().describe("name of the mission"),
  ENCHANTED_AGENT: z.string().describe("name of the agent"),
  ENCHANTED_AGENT_UID: z.string().default("_").describe("UID of the agent"),
  ENCHANTED_ATTEMPT: z.coerce.number().int().min(1).default(1).describe("number of the attempt"),
  ENCHANTED_GOAL: z.string().describe("what the mission is for"),
  ENCHANTED_TASK: z.string().default("").describe("what this agent does in it"),
  ENCHANTED_CRITERIA: commands.default([]).describe("JSON list of commands that must exit with 0"),
  ENCHANTED_POLICY: policy
    .default(defaultPolicy)
    .describe("JSON of what may be published: the mission's workspace.policy"),
  ENCHANTED_PERSONA: z.string().default("").describe("name of the persona that the agent works as"),
  ENCHANTED_SYSTEM_PROMPT: z.string().default("").describe("what that persona is told"),
  ENCHANTED_REPO: z.string().describe("clone URL of the repository"),
  ENCHANTED_REF: z.string().default("HEAD").describe("branch or tag that the work starts from"),
  ENCHANTED_BASE_COMMIT: z.string().optional().describe("commit to start from; default: the ref's head"),
  ENCHANTED_RESUME_SNAPSHOT: digest("manifest of the snapshot to go on from; default: the work begins anew").optional(),
  ENCHANTED_SNAPSHOT_STEPS: z.coerce
    .number()
    .int()
    .min(1)
    .default(100)
    .describe("frames other than heartbeats after which the state is kept"),
  ENCHANTED_SNAPSHOT_MS: milliseconds(60_000).describe("time after which the state is kept, in milliseconds"),
  ENCHANTED_SOCKET: z.string().default("/enchanted/sock/context.sock").describe("the recorder's unix socket"),
  ENCHANTED_SERVICE: z.string().default("127.0.0.1:4320").describe("host:port of the context service"),
  ENCHANTED_PROVIDER: z
    .enum(["OpenAICompatible", "Anthropic"])
    .default("OpenAICompatible")
    .describe("OpenAICompatible or Anthropic"),
  ENCHANTED_MODEL: z.string().describe("the model's name"),
  OPENAI_BASE_URL: z
    .url()
    .default("http://127.0.0.1:4321/openai/v1")
    .describe("base URL of an OpenAI-compatible service"),
  ANTHROPIC_BASE_URL: z
    .url()
    .default("http://127.0.0.1:4321/anthropic/v1")
    .describe("base URL of an Anthropic service"),
  OPENAI_API_KEY: z.string().default("the-gateway-injects-the-key").describe("key outside pods; pods hold none"),
  ANTHROPIC_API_KEY: z.string().default("the-gateway-injects-the-key").describe("key outside pods; pods hold none"),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url().optional().describe("OTLP gRPC endpoint for spans"),
  ENCHANTED_SPANS_FILE: z.string().optional().describe("file that gets each span as a JSON line"),
  HTTPS_PROXY: z.string().optional().describe("proxy to the hosts that the mission allows, for commands"),
  NO_PROXY: z.string().default("127.0.0.1,localhost").describe("hosts that commands reach without it"),
  TRACEPARENT: z.string().optional().describe("the mission's trace"),
  HOSTNAME: z.string().default("unknown").describe("name of the pod or machine"),
  PATH: z.string().default("/usr/local/bin:/usr/bin:/bin").describe("search path of commands"),
  TMPDIR: z.string().default("/tmp").describe("directory for files of a moment"),
  ENCHANTED_FETCHED: z.string().default("/enchanted/fetch/repo.git").describe("bare repository that fetch made"),
  ENCHANTED_WORKSPACE: z.string().default("/workspace").describe("directory for the working tree"),
  ENCHANTED_TERMINATION_LOG: z.string().default("/dev/termination-log").describe("file for the termination message"),
  ENCHANTED_MAX_TURNS: z.coerce.number().int().min(1).default(120).describe("turns of the model at most"),
  ENCHANTED_MAX_TOKENS: z.coerce.number().int().min(1).default(4_000_000).describe("tokens in and out at most"),
  ENCHANTED_MAX_OUTPUT_TOKENS: z.coerce.number().int().min(1).default(16_000).describe("tokens of one answer at most"),
  ENCHANTED_WINDOW_CHARS: z.coerce
    .number()
    .int()
    .min(1)
    .default(400_000)
    .describe("characters of the conversation sent at most"),
  ENCHANTED_TIME_LIMIT_MS: milliseconds(3_600_000).describe("time of the attempt at most, in milliseconds"),
  ENCHANTED_MODEL_TIMEOUT_MS: milliseconds(300_000).describe("time of one model call at most, in milliseconds"),
  ENCHANTED_MODEL_RETRY_MS: milliseconds(600_000).describe("time for all tries of one turn, in milliseconds"),
  ENCHANTED_RECORDER_WAIT_MS: milliseconds(60_000).describe("how long a lost recorder is sought, in milliseconds"),
});

/** The validated environment. */
export type CortexConfig = z.output<typeof cortexEnvironment>;

type Source = Pick<CortexConfig, "PATH" | "TMPDIR" | "HTTPS_PROXY" | "NO_PROXY">;

// In both spellings, because programs read one or the other; what no_proxy names would not be reachable by the proxy.
const proxyOf = ({ HTTPS_PROXY, NO_PROXY }: Source): Record<string, string> =>
  HTTPS_PROXY === undefined ? {} : { HTTPS_PROXY, https_proxy: HTTPS_PROXY, NO_PROXY, no_proxy: NO_PROXY };

/** What a command sees of the environment: what every command does, and the way to the hosts that the mission allows. */
export const commandEnvironment = (config: Source, home: string): Record<string, string> => ({
  ...shellEnvironment(config, home),
  ...proxyOf(config),
});
