import { lstat, realpath } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

const ours = (env: Environment, variable: string, otherwise: string): string => {
  const named = env[variable] ?? "";
  return join(isAbsolute(named) ? named : join(env["HOME"] || homedir(), otherwise), "enchanted");
};

/** Where this user's commands keep what outlives them: the outbox, which runs are alive, and what is imported into. */
export const stateOf = (env: Environment): string => ours(env, "XDG_STATE_HOME", ".local/state");

/** Where they keep what can be made again. */
export const cacheOf = (env: Environment): string => ours(env, "XDG_CACHE_HOME", ".cache");

const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

const isSafe = async (directory: string, uid: number, mayBeSticky: boolean): Promise<boolean> => {
  const found = await lstat(directory).catch(() => undefined);
  if (found?.isDirectory() !== true || (found.uid !== uid && found.uid !== 0)) return false;
  const isOthers = (found.mode & OTHERS_WRITE) !== 0 && !(mayBeSticky && (found.mode & STICKY) !== 0);
  const above = dirname(directory);
  return !isOthers && (above === directory || isSafe(above, uid, true));
};

/**
 * Whether nobody but this user and root can put a file into a directory, or another one in its place: it and all above it are
 * theirs and not for others to write; above it may be one where nobody may move what is not his own, as `/tmp`.
 */
export const isOnlyOurs = async (directory: string, uid: number): Promise<boolean> =>
  isSafe(await realpath(directory).catch(() => ""), uid, false);
