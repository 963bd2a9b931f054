import { Buffer } from "node:buffer";
import { spawn, type ChildProcess } from "node:child_process";
import { kill } from "node:process";
import type { Clock } from "#nervous-system/kernel/clock.ts";

/** Limits that the kernel holds a process to. */
export type ProcessLimits = {
  readonly memoryBytes?: number;
  readonly cpuSeconds?: number;
  /** The largest file that it may write. */
  readonly fileBytes?: number;
};

/** A program to run to its end within limits. */
export type BoundedCommand = {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array | undefined;
  readonly timeoutMs: number;
  /** Of standard output; standard error is cut at 64 KiB without an error. */
  readonly maxOutputBytes: number;
  readonly limits?: ProcessLimits | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly clock: Pick<Clock, "after">;
};

/** How a bounded process ended. */
export type BoundedEnd = {
  readonly why: "exited" | "timedOut" | "outputTooLarge" | "aborted" | "notStarted";
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
};

const maxErrorBytes = 65_536;

/** Lets the shell set the limits and become the program: Node cannot set them for a child. */
const limitedCommand = (command: BoundedCommand): readonly [string, readonly string[]] => {
  const limits = command.limits;
  if (limits === undefined) return [command.program, command.args];
  const settings = [
    limits.memoryBytes === undefined ? "" : `ulimit -v ${Math.ceil(limits.memoryBytes / 1024)}`,
    limits.cpuSeconds === undefined ? "" : `ulimit -t ${Math.ceil(limits.cpuSeconds)}`,
    limits.fileBytes === undefined ? "" : `ulimit -f ${Math.ceil(limits.fileBytes / 512)}`,
  ].filter((setting) => setting !== "");
  const script = [...settings, 'exec "$@"'].join(" && ");
  return ["/bin/sh", ["-c", script, "sh", command.program, ...command.args]];
};

/** Kills the whole process group: Git starts helpers, and they must not outlive the call. */
const killGroup = (child: ChildProcess): void => {
  if (child.pid === undefined) return;
  try {
    kill(-child.pid, "SIGKILL");
  } catch {
    // The group is gone already.
  }
};

const collectOutput = (
  child: ChildProcess,
  maxOutputBytes: number,
  onOverflow: () => void,
): { readonly stdout: Buffer[]; readonly stderr: Buffer[] } => {
  const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const sizes = { stdout: 0, stderr: 0 };
  child.stdout?.on("data", (chunk: Buffer) => {
    sizes.stdout += chunk.length;
    if (sizes.stdout > maxOutputBytes) return onOverflow();
    output.stdout.push(chunk);
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    if (sizes.stderr < maxErrorBytes) output.stderr.push(chunk.subarray(0, maxErrorBytes - sizes.stderr));
    sizes.stderr += chunk.length;
  });
  return output;
};

/** Runs a program in a process group of its own; it never rejects, and the group is dead when it answers. */
export const runBounded = (command: BoundedCommand): Promise<BoundedEnd> =>
  new Promise((resolve) => {
    const [program, args] = limitedCommand(command);
    const child = spawn(program, args, {
      env: { ...command.env },
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    let why: BoundedEnd["why"] = "exited";
    const stop = (reason: BoundedEnd["why"]): void => {
      if (why === "exited") why = reason;
      killGroup(child);
    };
    const output = collectOutput(child, command.maxOutputBytes, () => stop("outputTooLarge"));
    const cancelTimer = command.clock.after(command.timeoutMs, () => stop("timedOut"));
    const onAbort = (): void => stop("aborted");
    command.signal?.addEventListener("abort", onAbort, { once: true });
    if (command.signal?.aborted === true) onAbort();
    const finish = (end: Pick<BoundedEnd, "code" | "signal">, note = ""): void => {
      cancelTimer();
      command.signal?.removeEventListener("abort", onAbort);
      const stderr = Buffer.concat(output.stderr).toString() + note;
      resolve({ why, ...end, stdout: Buffer.concat(output.stdout), stderr });
    };
    child.on("error", (error) => {
      why = "notStarted";
      finish({ code: null, signal: null }, error.message);
    });
    // A helper that keeps the pipes open after its parent ended would hold "close" back for ever.
    child.on("exit", () => killGroup(child));
    child.on("close", (code, signal) => finish({ code, signal }));
    // A program may end before it reads all of its input; its exit code tells the story then.
    child.stdin.on("error", () => {});
    child.stdin.end(command.input);
  });
