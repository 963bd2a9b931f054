import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { repositoryRoot } from "#platform/environment.ts";
import { run } from "#platform/process/run.ts";
import type { Agent } from "./agents.ts";

/** One run of an agent, on a repository of its own. */
export type Outcome = {
  readonly code: number | null;
  readonly output: string;
  readonly seconds: number;
  /** Paths that differ from the first commit, with what they hold; undefined for a deleted one. */
  readonly files: ReadonlyMap<string, string | undefined>;
  /** What was recorded; empty for a run without us. */
  readonly frames: readonly Frame[];
};

type Frame = { readonly event_type: string; readonly payload: Readonly<Record<string, unknown>> };

type Place = {
  /** Of this run alone. */
  readonly directory: string;
  /** Of all runs of the agent, which fetches what it lacks in the first one. */
  readonly home: string;
  readonly base: string;
  readonly program: string;
  readonly recorded: boolean;
};

const git = (cwd: string, ...args: string[]): Promise<string> => run(["git", ...args], { cwd });

const prepareRepository = async (repository: string): Promise<string> => {
  await mkdir(repository, { recursive: true });
  await git(repository, "init", "--quiet", "--initial-branch=main");
  for (const [name, value] of [
    ["user.name", "A"],
    ["user.email", "a@example.test"],
  ] as const)
    await git(repository, "config", name, value);
  await writeFile(join(repository, "greeting.txt"), "hello\n");
  await git(repository, "add", ".");
  await git(repository, "commit", "--quiet", "--message=Begin");
  return (await git(repository, "rev-parse", "HEAD")).trim();
};

const prepareHome = async (home: string, files: Readonly<Record<string, string>>): Promise<void> => {
  await mkdir(home, { recursive: true });
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(home, path)), { recursive: true });
    await writeFile(join(home, path), text);
  }
};

const changedFiles = async (repository: string, first: string): Promise<Map<string, string | undefined>> => {
  await git(repository, "add", "--all");
  const paths = (await git(repository, "diff", "--cached", "--name-only", "-z", first)).split("\0").filter(Boolean);
  const read = (path: string) => readFile(join(repository, path), "utf8").catch(() => undefined);
  return new Map(await Promise.all(paths.map(async (path) => [path, await read(path)] as const)));
};

/** Only what a person's shell would have, and nothing of this machine that could send an agent elsewhere. */
const environment = (agent: Agent, home: string, base: string): NodeJS.ProcessEnv => ({
  PATH: `${dirname(process.execPath)}:${process.env["PATH"]}`,
  HOME: home,
  TERM: "dumb",
  LANG: "C.UTF-8",
  NO_COLOR: "1",
  ...agent.env(base),
});

const execute = (command: readonly string[], cwd: string, env: NodeJS.ProcessEnv) =>
  new Promise<Pick<Outcome, "code" | "output" | "seconds">>((resolve, reject) => {
    const [program = "", ...args] = command;
    const began = performance.now();
    const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], timeout: 600_000 });
    const pieces: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece: Buffer) => pieces.push(piece));
    child.once("error", reject);
    child.once("close", (code) => {
      resolve({ code, output: Buffer.concat(pieces).toString(), seconds: (performance.now() - began) / 1000 });
    });
  });

const readRecord = async (file: string): Promise<Frame[]> => {
  if (!existsSync(file)) return [];
  const lines = (await readFile(file, "utf8")).split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Frame);
};

/** Runs an agent once against the model server at `base`, with us before it or not. */
export const runOnce = async (agent: Agent, place: Place): Promise<Outcome> => {
  const { directory, home, base, program, recorded } = place;
  const repository = join(directory, "work");
  const record = join(directory, "record.jsonl");
  const first = await prepareRepository(repository);
  await prepareHome(home, agent.files?.(base) ?? {});
  const enchanted = join(repositoryRoot, "cli/bin/enchanted");
  const before = recorded ? [enchanted, "run", "--file", record, "--"] : [];
  const end = await execute([...before, program, ...agent.arguments], repository, environment(agent, home, base));
  return { ...end, files: await changedFiles(repository, first), frames: await readRecord(record) };
};
