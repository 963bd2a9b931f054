import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

const ours = (env: Environment, variable: string, otherwise: string): string => {
  const named = env[variable] ?? "";
  return join(isAbsolute(named) ? named : join(env["HOME"] || homedir(), otherwise), "enchanted");
};

/** Where this user's commands keep what outlives them: the outbox, and which runs are alive. */
export const stateOf = (env: Environment): string => ours(env, "XDG_STATE_HOME", ".local/state");

/** Where they keep what can be made again. */
export const cacheOf = (env: Environment): string => ours(env, "XDG_CACHE_HOME", ".cache");
