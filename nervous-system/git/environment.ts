import { computeConfig, type ConfigInput } from "#nervous-system/git/protected-config.ts";

/** What a runner's environment is computed from. */
export type EnvironmentInput = ConfigInput & {
  /** The caller's environment; only PATH and TMPDIR are taken from it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** PEM file that https servers are verified with, in place of the system's bundle. */
  readonly caFile?: string;
};

const base = {
  HOME: "/nonexistent",
  LC_ALL: "C.UTF-8",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_ATTR_NOSYSTEM: "1",
  GIT_TERMINAL_PROMPT: "0",
  GIT_PROTOCOL_FROM_USER: "0",
  GIT_NO_REPLACE_OBJECTS: "1",
  // An empty but set variable keeps Git from asking core.askPass of a hostile configuration.
  GIT_ASKPASS: "",
  SSH_ASKPASS: "",
  GIT_SSH_COMMAND: "false",
  GIT_EDITOR: "true",
  GIT_SEQUENCE_EDITOR: "true",
  GIT_PAGER: "cat",
} as const;

const credentialVariables = (input: EnvironmentInput): Record<string, string> => {
  const credentials = input.credentials;
  if (credentials === undefined) return {};
  if ("directory" in credentials) return { ENCHANTED_GIT_SECRET: credentials.directory };
  return {
    ENCHANTED_GIT_USERNAME: credentials.username,
    ENCHANTED_GIT_PASSWORD: credentials.password,
  };
};

const configVariables = (input: EnvironmentInput): Record<string, string> => {
  const entries = computeConfig(input);
  const variables: Record<string, string> = { GIT_CONFIG_COUNT: String(entries.length) };
  for (const [index, [key, value]] of entries.entries()) {
    variables[`GIT_CONFIG_KEY_${index}`] = key;
    variables[`GIT_CONFIG_VALUE_${index}`] = value;
  }
  return variables;
};

/** Computes the whole environment of a Git process: nothing of the caller's own passes but PATH and TMPDIR. */
export const computeEnvironment = (input: EnvironmentInput): Record<string, string> => ({
  ...base,
  PATH: input.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin",
  ...(input.env["TMPDIR"] === undefined ? {} : { TMPDIR: input.env["TMPDIR"] }),
  ...(input.caFile === undefined ? {} : { GIT_SSL_CAINFO: input.caFile }),
  ...credentialVariables(input),
  ...configVariables(input),
});
