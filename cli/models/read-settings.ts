import { readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { Host } from "../host.ts";
import { decideCodexWay } from "./codex.ts";
import { readGeminiSignIn } from "./gemini.ts";
import type { RouteInputs } from "./routes.ts";

type Place = Pick<Host, "env" | "cwd">;

const maxBytes = 1024 * 1024;

const isMissing = (error: unknown): boolean =>
  ["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "");

/** The text of a file of settings, empty where there is none; undefined for one that cannot be read, or is something else: managers of secrets serve a `.env` by a pipe, once. */
const read = async (file: string): Promise<string | undefined> => {
  try {
    const found = await stat(file);
    return found.isFile() && found.size <= maxBytes ? await readFile(file, "utf8") : undefined;
  } catch (error) {
    return isMissing(error) ? "" : undefined;
  }
};

/** The directory and all above it. */
const upwards = (directory: string): string[] =>
  dirname(directory) === directory ? [directory] : [directory, ...upwards(dirname(directory))];

/** Where the agents that read one look for a file of variables. */
const dotenvFiles = (cwd: string, home: string): string[] => [
  ...[...upwards(cwd), home].flatMap((directory) => [
    join(directory, ".env"),
    join(directory, ".env.local"),
    join(directory, ".gemini/.env"),
  ]),
  join(home, ".config/mini-swe-agent/.env"),
];

// As the most tolerant reader has it: a name taken for one too many leaves calls unrecorded, a missed one sends them elsewhere.
const dotenvName = /^[^\w#\r\n]*(?:export\s+)?['"]?(\w+)['"]?\s*[=:](?=\s*['"`]|[^\S\r\n]*\S)/gm;

const readDotenv = async (files: readonly string[]): Promise<Map<string, string>> => {
  const found = new Map<string, string>();
  for (const file of new Set(files))
    for (const [, name = ""] of ((await read(file)) ?? "").matchAll(dotenvName))
      if (!found.has(name)) found.set(name, file);
  return found;
};

const codexFiles = ({ cwd, env }: Place, home: string): string[] => [
  join(env["CODEX_HOME"] || join(home, ".codex"), "config.toml"),
  ...upwards(cwd).map((directory) => join(directory, ".codex/config.toml")),
  "/etc/codex/config.toml",
  "/etc/codex/managed_config.toml",
];

const readCodex = async (place: Place, home: string, all: readonly string[]) => {
  const files = [...new Set(codexFiles(place, home))];
  const settings = await Promise.all(files.map(async (file) => ({ file, text: await read(file) })));
  return decideCodexWay({ arguments: all, settings });
};

/** Reads what decides where a program's calls of models go; its files are never changed. */
export const readRouteInputs = async (place: Place, program: readonly string[]): Promise<RouteInputs> => {
  const { env, cwd } = place;
  const home = (env["HOME"] ?? "") || homedir();
  const [command = "", ...all] = program;
  const [dotenv, gemini, codex] = await Promise.all([
    readDotenv(dotenvFiles(cwd, home)),
    read(join(env["GEMINI_CLI_HOME"] || home, ".gemini/settings.json")),
    basename(command) === "codex" ? readCodex(place, home, all) : undefined,
  ]);
  return { env, dotenv, geminiSignIn: readGeminiSignIn(gemini, env), codex };
};
