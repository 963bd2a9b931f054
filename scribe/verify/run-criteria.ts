import { spawn } from "node:child_process";
import { constants } from "node:os";
import type { Writable } from "node:stream";

/** What became of a criterion: its exit code and the end of what it printed. */
export type CriterionResult = { command: string; exitCode: number; output: string };

/** Where criteria run and where their output goes as it comes. */
export type CriteriaOptions = { directory: string; env: NodeJS.ProcessEnv; echo: Writable };

const OUTPUT_BYTES = 2048;
const MESSAGE_BYTES = 4096; // what the kubelet keeps

const runCriterion = (command: string, { directory, env, echo }: CriteriaOptions): Promise<CriterionResult> =>
  new Promise((resolve) => {
    let tail = Buffer.alloc(0);
    const keep = (chunk: Buffer): void => {
      echo.write(chunk);
      tail = Buffer.concat([tail, chunk]).subarray(-OUTPUT_BYTES);
    };
    const child = spawn("sh", ["-c", command], { cwd: directory, env, stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    const finish = (exitCode: number, note = ""): void =>
      resolve({ command, exitCode, output: tail.toString("utf8") + note });
    child.once("error", (error) => finish(127, error.message));
    child.once("close", (code, signal) => finish(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });

/** Runs the commands in order by `sh -c` and stops at the first that fails; answers the last that ran. */
export const runCriteria = async (commands: readonly string[], options: CriteriaOptions): Promise<CriterionResult> => {
  let last: CriterionResult = { command: "", exitCode: 0, output: "the mission names no criteria" };
  for (const command of commands) {
    options.echo.write(`$ ${command}\n`);
    last = await runCriterion(command, options);
    if (last.exitCode !== 0) break;
  }
  return last;
};

/** The termination message, within what the kubelet keeps: JSON's escapes can make an output six times as long. */
export const renderCriterion = (result: CriterionResult): string => {
  const command = result.command.slice(0, 400);
  for (let chars = result.output.length; ; chars = Math.floor(chars / 2)) {
    const message = JSON.stringify({ ...result, command, output: chars === 0 ? "" : result.output.slice(-chars) });
    if (Buffer.byteLength(message) <= MESSAGE_BYTES || chars === 0) return message;
  }
};
