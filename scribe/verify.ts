import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Writable } from "node:stream";
import * as z from "zod";
import { createGit } from "#nervous-system/git/git.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { parseConfig } from "#nervous-system/kernel/config.ts";
import { runShell, shellEnvironment } from "#nervous-system/kernel/shell.ts";

/** What became of a criterion: its exit code and the end of what it printed. */
type CriterionResult = { command: string; exitCode: number; output: string };

/** Where criteria run and where their output goes as it comes. */
type CriteriaOptions = { directory: string; env: Readonly<Record<string, string>>; echo: Writable };

const OUTPUT_BYTES = 2048;
const MESSAGE_BYTES = 4096; // what the kubelet keeps

const clock = systemClock();

// The pod's deadline is its limit.
const runCriterion = async (command: string, { directory, env, echo }: CriteriaOptions): Promise<CriterionResult> => {
  let tail = Buffer.alloc(0);
  const onOutput = (chunk: Buffer): void => {
    echo.write(chunk);
    tail = Buffer.concat([tail, chunk]).subarray(-OUTPUT_BYTES);
  };
  const { why, code } = await runShell({ command, cwd: directory, env, onOutput, clock }, (pid, signal) =>
    process.kill(pid, signal),
  );
  return { command, exitCode: why === "notStarted" ? 127 : code, output: tail.toString("utf8") };
};

/** Runs the commands in order by `sh -c` and stops at the first that fails; answers the last that ran. */
const runCriteria = async (commands: readonly string[], options: CriteriaOptions): Promise<CriterionResult> => {
  let last: CriterionResult = { command: "", exitCode: 0, output: "the mission names no criteria" };
  for (const command of commands) {
    options.echo.write(`$ ${command}\n`);
    last = await runCriterion(command, options);
    if (last.exitCode !== 0) break;
  }
  return last;
};

/** The termination message, within what the kubelet keeps: JSON's escapes can make an output six times as long. */
const renderCriterion = (result: CriterionResult): string => {
  const command = result.command.slice(0, 400);
  for (let chars = result.output.length; ; chars = Math.floor(chars / 2)) {
    const message = JSON.stringify({ ...result, command, output: chars === 0 ? "" : result.output.slice(-chars) });
    if (Buffer.byteLength(message) <= MESSAGE_BYTES || chars === 0) return message;
  }
};

// The verifier pod's program: clones what `fetch` brought and runs the mission's criteria in it.

const jsonList = z.string().transform((text, context) => {
  try {
    return z.array(z.string().min(1)).parse(JSON.parse(text));
  } catch {
    context.addIssue("is not a JSON list of commands");
    return z.NEVER;
  }
});
const environment = z.object({
  ENCHANTED_CRITERIA: jsonList.describe('JSON list of commands, such as ["npm test"]'),
  ENCHANTED_FETCH_DIR: z.string().default("/enchanted/fetch").describe("directory of the fetched repository"),
  ENCHANTED_WORKSPACE: z.string().default("/workspace").describe("directory to work in"),
  ENCHANTED_TERMINATION_LOG: z.string().default("/dev/termination-log").describe("file for the last message"),
  PATH: z.string().default("/usr/local/bin:/usr/bin:/bin").describe("search path of commands"),
  TMPDIR: z.string().default("/tmp").describe("directory for files of a moment"),
});
type VerifyConfig = z.output<typeof environment>;

const clone = async (config: VerifyConfig, directory: string): Promise<CriterionResult | undefined> => {
  const fetched = `${config.ENCHANTED_FETCH_DIR}/repo.git`;
  const git = createGit({ env: process.env, clock, protocols: ["file"], safeDirectories: [fetched] });
  await rm(directory, { recursive: true, force: true });
  const cloned = await git.run(["clone", "--quiet", "--no-hardlinks", "--", fetched, directory], {
    timeoutMs: 600_000,
  });
  return cloned.kind === "ok"
    ? undefined
    : { command: "git clone", exitCode: cloned.code ?? 1, output: cloned.message };
};

const verify = async (config: VerifyConfig): Promise<number> => {
  const directory = `${config.ENCHANTED_WORKSPACE}/repo`;
  const failed = await clone(config, directory);
  const home = await mkdtemp(join(config.TMPDIR, "home-"));
  const options = { directory, env: shellEnvironment(config, home), echo: process.stdout };
  const result = failed ?? (await runCriteria(config.ENCHANTED_CRITERIA, options));
  await writeFile(config.ENCHANTED_TERMINATION_LOG, renderCriterion(result)).catch(() => undefined);
  if (result.exitCode !== 0) console.error(`"${result.command}" ended with ${result.exitCode}`);
  return result.exitCode;
};

const parsed = parseConfig(environment, process.env);
if (parsed.kind === "invalid") {
  console.error(parsed.message);
  process.exit(2);
}
process.exit(await verify(parsed.value));
