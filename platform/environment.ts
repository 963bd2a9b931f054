import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout this code runs from, an absolute path. */
export const repositoryRoot = resolve(dirname(fileURLToPath(import.meta.url)), "..");

type Variables = Readonly<Record<string, string | undefined>>;

/** Where built tools are kept between runs: ENCHANTED_CACHE, else the user's cache directory. */
export const cacheDirectory = (variables: Variables = process.env): string =>
  resolve(
    variables["ENCHANTED_CACHE"] ?? join(variables["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "enchanted-swarm"),
  );

/** A unix socket's path has at most 107 bytes, and the kubelet's lie deep below the state directory. */
export const LONGEST_STATE = 60;

/** A short directory that is the same for the same checkout. */
const shortStateOf = (root: string): string =>
  join("/var/tmp", `enchanted-${createHash("sha256").update(root).digest("hex").slice(0, 12)}`);

/**
 * Where the embedded platform keeps everything it makes: ENCHANTED_STATE, else `.enchanted/` of the checkout, or a short
 * directory of its own where the checkout lies too deep for the unix sockets in it.
 */
export const stateDirectory = (variables: Variables = process.env, root = repositoryRoot): string => {
  const given = variables["ENCHANTED_STATE"];
  if (given !== undefined) return resolve(given);
  const beside = join(root, ".enchanted");
  return beside.length <= LONGEST_STATE ? beside : shortStateOf(root);
};

/** The environment that a child process gets: ours with `extra` over it. */
export const childEnvironment = (extra: Readonly<Record<string, string>> = {}): Record<string, string | undefined> => ({
  ...process.env,
  ...extra,
});
