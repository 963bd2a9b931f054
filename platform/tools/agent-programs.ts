import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cacheDirectory } from "../environment.ts";
import { fillOnce } from "../process/fill-once.ts";
import { run } from "../process/run.ts";

/** Agents of others as they are installed; each newest on 29 November 2026. */
export const agentPrograms = {
  codex: { npm: "@openai/codex", version: "0.171.0" },
  opencode: { npm: "opencode-ai", version: "1.18.33" },
  gemini: { npm: "@google/gemini-cli", version: "0.61.0" },
  aider: { python: "aider-chat", version: "0.86.2" },
  "mini-swe-agent": { python: "mini-swe-agent", version: "2.4.6" },
} as const;

type Pinned = (typeof agentPrograms)[keyof typeof agentPrograms];

/** An agent that npm has. */
export type NpmProgram = Extract<Pinned, { readonly npm: string }>;

/** A program that npm has installed. */
export type InstalledProgram = {
  /** Holds its `node_modules`. */
  readonly directory: string;
  /** Its command, from there. */
  readonly command: string;
};

const fromNpm = (packages: readonly string[]): Promise<string> => {
  const key = createHash("sha256")
    .update([process.version, process.arch, ...packages].join("\n"))
    .digest("hex");
  return fillOnce(join(cacheDirectory(), "agents", key.slice(0, 16)), async (directory) => {
    await writeFile(join(directory, "package.json"), '{ "private": true }');
    const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
    await run(["npm", "install", "--ignore-scripts", "--save-exact", ...quiet, ...packages], { cwd: directory });
  });
};

/** Where a program stands whose own script of installation, which is not run, would have put it in its place. */
const placesOf = (command: string): string[] => [
  `node_modules/${command}-linux-${process.arch}/bin/${command}`,
  `node_modules/.bin/${command}`,
];

/** Installs a program into the user's cache, where it is not there yet. */
export const ensureNpmProgram = async ({ npm, version }: NpmProgram, command: string): Promise<InstalledProgram> => {
  const directory = await fromNpm([`${npm}@${version}`]);
  const place = placesOf(command).find((path) => existsSync(join(directory, path)));
  if (place === undefined) throw new Error(`${npm} has no command ${command}`);
  return { directory, command: place };
};
