import { constants } from "node:fs";
import { open, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import type { Host } from "../host.ts";
import { variablesOfAider, variablesOfAiderArguments } from "./aider.ts";
import { settingsOfClaude, variablesOfClaude } from "./claude.ts";
import { decideCodexWay } from "./codex.ts";
import { variablesOfDotenv } from "./dotenv.ts";
import { readGeminiSignIn } from "./gemini.ts";
import type { RouteInputs } from "./routes.ts";

type Place = Pick<Host, "env" | "cwd">;

const maxBytes = 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;

const isMissing = (error: unknown): boolean =>
  ["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "");

/** The text of a file; undefined for a longer one. Its size tells nothing: files of `/proc` have none and no end. */
const readUpTo = async (file: string, most: number): Promise<string | undefined> => {
  const opened = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const chunks: Buffer[] = [];
    for (let left = most + 1; left > 0;) {
      const { bytesRead, buffer } = await opened.read(Buffer.alloc(Math.min(left, CHUNK_BYTES)));
      if (bytesRead === 0) return Buffer.concat(chunks).toString("utf8");
      chunks.push(buffer.subarray(0, bytesRead));
      left -= bytesRead;
    }
    return undefined;
  } finally {
    await opened.close();
  }
};

/** The text of a file of settings, empty where there is none; undefined for one that cannot be read, or is something else: managers of secrets serve a `.env` by a pipe, once. */
const read = async (file: string): Promise<string | undefined> => {
  try {
    return (await stat(file)).isFile() ? await readUpTo(file, maxBytes) : undefined;
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

const claudeFiles = ({ cwd, env }: Place, home: string, given: readonly string[]): string[] => [
  join(env["CLAUDE_CONFIG_DIR"] || join(home, ".claude"), "settings.json"),
  ...upwards(cwd).flatMap((directory) => [
    join(directory, ".claude/settings.json"),
    join(directory, ".claude/settings.local.json"),
  ]),
  "/etc/claude-code/managed-settings.json",
  ...given.map((file) => resolve(cwd, file)),
];

/** Each variable that files or arguments set in a program that reads them, and the first place where it stands. */
const readVariables = async (place: Place, home: string, program: readonly string[]): Promise<Map<string, string>> => {
  const { cwd } = place;
  const given = settingsOfClaude(program);
  const aiderFiles = [...upwards(cwd), home].map((directory) => join(directory, ".aider.conf.yml"));
  const readers: Array<[files: readonly string[], variablesOf: (text: string) => string[]]> = [
    [dotenvFiles(cwd, home), variablesOfDotenv],
    [aiderFiles, variablesOfAider],
    [claudeFiles(place, home, given), variablesOfClaude],
  ];
  const places: Array<[place: string, names: readonly string[]]> = [];
  for (const [files, variablesOf] of readers)
    for (const file of new Set(files)) places.push([file, variablesOf((await read(file)) ?? "")]);
  places.push(["the arguments", [...variablesOfAiderArguments(program), ...given.flatMap(variablesOfClaude)]]);
  return new Map(places.toReversed().flatMap(([where, names]) => names.map((name) => [name, where] as const)));
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
  const { env } = place;
  const home = (env["HOME"] ?? "") || homedir();
  const [command = "", ...all] = program;
  const [dotenv, gemini, codex] = await Promise.all([
    readVariables(place, home, program),
    read(join(env["GEMINI_CLI_HOME"] || home, ".gemini/settings.json")),
    basename(command) === "codex" ? readCodex(place, home, all) : undefined,
  ]);
  return { env, dotenv, geminiSignIn: readGeminiSignIn(gemini, env), codex };
};
