import * as z from "zod";
import { createRedactor } from "#nervous-system/recorder/redact.ts";
import { walCutSetting } from "#nervous-system/recorder/wal-cut.ts";
import { scribePort } from "#nervous-system/schemas/scribe-ports.ts";

const uuid = z
  .string()
  .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, "is not a lower-case UUID");
const address = z.string().regex(/^[^\s:]+:\d{1,5}$/, "is not host:port");
const milliseconds = z.coerce.number().int().min(0).max(3_600_000);
const port = z.coerce.number().int().min(0).max(65_535);

const rules = z.array(z.object({ name: z.string().min(1).max(63), pattern: z.string().min(1).max(256) })).max(20);

const parseRules = (text: string, context: z.RefinementCtx): z.output<typeof rules> => {
  const refuse = (message: string): never => {
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  };
  let parsed: z.output<typeof rules>;
  try {
    parsed = rules.parse(JSON.parse(text));
  } catch {
    return refuse("is not a JSON list of at most 20 {name, pattern}");
  }
  try {
    createRedactor(parsed);
    return parsed;
  } catch (error) {
    return refuse((error as Error).message);
  }
};

/** Environment of `main.js scribe`. Paths and ports have the pod's values unless a test or `enchanted run` sets them. */
export const scribeEnvironment = z.object({
  ENCHANTED_NAMESPACE: z.string().describe("namespace of the mission"),
  ENCHANTED_MISSION: z.string().describe("name of the mission"),
  ENCHANTED_MISSION_UID: uuid.describe("UID of the mission"),
  ENCHANTED_AGENT: z.string().describe("name of the agent"),
  ENCHANTED_AGENT_UID: uuid.describe("UID of the agent"),
  ENCHANTED_ATTEMPT: z.coerce.number().int().min(0).describe("number of the attempt, which is the epoch"),
  ENCHANTED_LINEAGE: z.coerce.number().int().min(0).default(0).describe("lineage of the agent, 0 before any rewind"),
  ENCHANTED_RESUME_HASH: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional()
    .describe("hash that the epoch resumes from, 64 hex digits"),
  ENCHANTED_GOAL: z.string().default("").describe("what the mission is for, for the record"),
  ENCHANTED_TASK: z.string().default("").describe("what the agent does in it, for the record"),
  ENCHANTED_PERSONA: z
    .string()
    .max(253)
    .default("")
    .describe("name of the persona that the agent works as, for the record"),
  ENCHANTED_PERSONA_DIGEST: z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/)
    .optional()
    .describe("digest of that persona's prompt, for the record"),
  ENCHANTED_COLLECTOR: address.describe("host:port of the collector"),
  ENCHANTED_GATEWAY: address.describe("host:port of the gateway"),
  ENCHANTED_CA_PEM: z.string().describe("PEM of the CA that signed collector and gateway"),
  ENCHANTED_DRAIN_MS: milliseconds.default(20_000).describe("time to bring the rest to the collector at the end"),
  ENCHANTED_SOCKET: z.string().default("/enchanted/sock/context.sock").describe("path of the unix socket"),
  ENCHANTED_WAL_DIR: z.string().default("/enchanted/wal").describe("directory of the log"),
  ENCHANTED_WAL_MAX_BYTES: z.coerce
    .number()
    .int()
    .min(1_000_000)
    .optional()
    .describe("size of the log at which writers wait"),
  ENCHANTED_WAL_CUT: walCutSetting,
  ENCHANTED_REDACT: z
    .string()
    .default("[]")
    .transform((text, context) => parseRules(text, context))
    .describe("JSON list of {name, pattern}: what is cut out of frames beside the secrets that always are"),
  ENCHANTED_METRICS_PORT: port
    .default(scribePort.metrics)
    .describe("port of /metrics, /healthz and /readyz; 0 takes a free one"),
  ENCHANTED_SOCKET_FRAMES_PER_SECOND: z.coerce
    .number()
    .int()
    .min(1)
    .default(2_000)
    .describe("frames a second that one connection of the socket may send; more waits"),
  ENCHANTED_SOCKET_BYTES_PER_SECOND: z.coerce
    .number()
    .int()
    .min(1_024)
    .default(8 * 1024 * 1024)
    .describe("bytes a second that one connection of the socket may send; more waits"),
  ENCHANTED_TOKEN_FILE: z.string().default("/enchanted/token/token").describe("file with the projected token"),
  ENCHANTED_TERMINATION_LOG: z.string().default("/dev/termination-log").describe("file for the last message"),
  ENCHANTED_HEARTBEAT_MS: milliseconds.min(100).default(30_000).describe("time between two heartbeats"),
  ENCHANTED_SERVICE_PORT: port.default(scribePort.service).describe("loopback port of the context service"),
  ENCHANTED_OTLP_PORT: port.default(scribePort.otlp).describe("loopback port of OTLP over gRPC"),
  ENCHANTED_OTLP_HTTP_PORT: port.default(scribePort.otlpHttp).describe("loopback port of OTLP over HTTP"),
  ENCHANTED_MODEL_PORT: port.default(scribePort.models).describe("loopback port of the model routes"),
  ENCHANTED_PROXY_PORT: port
    .optional()
    .describe("loopback port of the CONNECT proxy to the hosts that the mission allows; without it there is none"),
  ENCHANTED_PORTS_HELD: z
    .enum(["true", "false"])
    .default("false")
    .describe("true: another process of this user holds all of these ports, and the scribe listens beside it"),
});

/** See `scribeEnvironment`. */
export type ScribeConfig = z.output<typeof scribeEnvironment>;

/** Environment of `main.js fetch`. */
export const fetchEnvironment = z
  .object({
    ENCHANTED_COLLECTOR: address
      .optional()
      .describe("host:port of the collector, which the pod's NetworkPolicy allows"),
    ENCHANTED_GATEWAY: address.describe("host:port of the gateway"),
    ENCHANTED_CA_PEM: z.string().describe("PEM of the CA that signed the gateway"),
    ENCHANTED_REPO: z
      .string()
      .regex(/^https:\/\//, "is not an https URL")
      .describe("clone URL of the repository"),
    ENCHANTED_REF: z.string().min(1).describe("branch to fetch"),
    ENCHANTED_PULL: z.coerce
      .number()
      .int()
      .min(1)
      .optional()
      .describe("number of the pull request whose head that branch is, where it is in a fork: it is read there"),
    ENCHANTED_BASE_COMMIT: z
      .string()
      .regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/)
      .optional()
      .describe("commit to start from; the head of the ref without it"),
    ENCHANTED_GIT_CA_PEM: z.string().optional().describe("PEM of the CA of the forge, beside the machine's own"),
    ENCHANTED_UNREACHABLE: address
      .optional()
      .describe(
        "host:port of the collector that the pod's NetworkPolicy keeps it from: where it is reached, the fetch fails",
      ),
    ENCHANTED_FETCH_DIR: z.string().default("/enchanted/fetch").describe("directory for the clone"),
    ENCHANTED_BIN_DIR: z
      .string()
      .optional()
      .describe("directory for node, wrap.js and runtime.js; without it they are not brought"),
    ENCHANTED_GIT_SECRET_DIR: z
      .string()
      .default("/enchanted/git-secret")
      .describe("directory of the Git Secret, if any"),
    ENCHANTED_TOKEN_FILE: z.string().default("/enchanted/token/token").describe("file with the projected token"),
    ENCHANTED_TERMINATION_LOG: z.string().default("/dev/termination-log").describe("file for the last message"),
    ENCHANTED_GATEWAY_WAIT_MS: milliseconds
      .default(30_000)
      .describe("time that gateway and collector may take to become ready"),
    ENCHANTED_FETCH_TIMEOUT_MS: milliseconds.default(600_000).describe("time that a clone may take"),
  })
  .refine(
    ({ ENCHANTED_COLLECTOR, ENCHANTED_UNREACHABLE }) =>
      ENCHANTED_UNREACHABLE === undefined || ENCHANTED_COLLECTOR !== undefined,
    "ENCHANTED_UNREACHABLE proves nothing without ENCHANTED_COLLECTOR",
  );

/** See `fetchEnvironment`. */
export type FetchConfig = z.output<typeof fetchEnvironment>;
