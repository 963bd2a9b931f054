import { spawn } from "node:child_process";
import { childEnvironment } from "../environment.ts";
import { Buffer } from "node:buffer";

/** How to run a program to its end. */
export type RunOptions = {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Buffer;
  readonly signal?: AbortSignal;
  /** Receives each piece of output as it comes; the answer still holds all of it. */
  readonly onOutput?: (text: string) => void;
};

/** What a finished program left behind. */
export type RunResult = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** A program that ended with a code other than zero; the message holds its last output. */
class CommandFailed extends Error {
  readonly result: RunResult;
  constructor(command: readonly string[], result: RunResult) {
    const tail = (result.stderr.trim() || result.stdout.trim()).split("\n").slice(-15).join("\n");
    super(`${command.join(" ")} ended with code ${result.code}:\n${tail}`);
    this.result = result;
  }
}

/** Runs a program to its end and answers whatever its code was; rejects only when it cannot start. */
export const tryRun = (command: readonly string[], options: RunOptions = {}): Promise<RunResult> =>
  new Promise((resolve, reject) => {
    const [program, ...args] = command;
    const child = spawn(program ?? "", args, {
      cwd: options.cwd,
      env: childEnvironment(options.env),
      signal: options.signal,
      stdio: ["pipe", "pipe", "pipe"],
    });
    const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream].on("data", (chunk: Buffer) => {
        output[stream].push(chunk);
        options.onOutput?.(chunk.toString());
      });
    }
    child.on("error", reject);
    child.on("close", (code) =>
      resolve({
        code: code ?? 128,
        stdout: Buffer.concat(output.stdout).toString(),
        stderr: Buffer.concat(output.stderr).toString(),
      }),
    );
    // A program may end before it reads its input; its exit code tells the story then.
    child.stdin.on("error", () => {});
    child.stdin.end(options.input);
  });

/** Runs a program to its end and answers its output; throws CommandFailed when its code is not zero. */
export const run = async (command: readonly string[], options: RunOptions = {}): Promise<string> => {
  const result = await tryRun(command, options);
  if (result.code !== 0) throw new CommandFailed(command, result);
  return result.stdout;
};
