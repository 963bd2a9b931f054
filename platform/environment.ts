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

/** Where the embedded platform keeps everything it makes: ENCHANTED_STATE, else `.enchanted/` of the checkout. */
export const stateDirectory = (variables: Variables = process.env): string =>
  resolve(variables["ENCHANTED_STATE"] ?? join(repositoryRoot, ".enchanted"));

/** The environment that a child process gets: ours with `extra` over it. */
export const childEnvironment = (extra: Readonly<Record<string, string>> = {}): Record<string, string | undefined> => ({
  ...process.env,
  ...extra,
});
