import { spawn, type ChildProcess } from "node:child_process";
import { StringDecoder } from "node:string_decoder";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { createBoundedCollector } from "./bounded-text.ts";

/** A shell command to run within limits. */
type ShellCommand = {
  readonly command: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Of standard output and error together; the middle of a longer one is left out. */
  readonly maxOutputChars: number;
  readonly signal: AbortSignal;
  readonly clock: Pick<Clock, "after" | "monotonicMs">;
};

/** How a command ended. */
type CommandEnd = {
  readonly why: "exited" | "timedOut" | "stopped" | "notStarted";
  /** Exit code; 128 + signal number by the shell's custom when a signal ended it; -1 when it never started. */
  readonly code: number;
  readonly output: string;
  readonly durationMs: number;
};

const signalNumbers: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
};

const killGroup = (
  child: ChildProcess,
  signal: NodeJS.Signals,
  kill: (pid: number, signal: NodeJS.Signals) => void,
): void => {
  if (child.pid === undefined) return;
  try {
    kill(-child.pid, signal);
  } catch {
    // Everyone in the group is gone already.
  }
};

/** Sends signals; `process.kill`, given by main so that nothing below it names the process. */
export type Kill = (pid: number, signal: NodeJS.Signals) => void;

const graceMs = 2_000;

const collect = (child: ChildProcess, limit: number): (() => string) => {
  const collector = createBoundedCollector(limit);
  const decoder = new StringDecoder("utf8");
  child.stdout?.on("data", (chunk: Buffer) => collector.push(decoder.write(chunk)));
  return () => collector.text();
};

/**
 * Runs `sh -c` in a process group of its own with nothing on standard input. At the limit the group gets SIGTERM and soon
 * SIGKILL; what the command left running in its group is killed when the command itself ends. Never rejects.
 */
export const runShell = (options: ShellCommand, kill: Kill): Promise<CommandEnd> =>
  new Promise((resolve) => {
    const { clock, signal } = options;
    const started = clock.monotonicMs();
    // One pipe for both outputs keeps their order.
    const child = spawn("/bin/sh", ["-c", `exec 2>&1\n${options.command}`], {
      cwd: options.cwd,
      env: { ...options.env },
      detached: true,
      stdio: ["ignore", "pipe", "ignore"],
    });
    const output = collect(child, options.maxOutputChars);
    let why: CommandEnd["why"] = "exited";
    let cancelKill = (): void => {};
    const stop = (reason: CommandEnd["why"]): void => {
      if (why !== "exited") return;
      why = reason;
      killGroup(child, "SIGTERM", kill);
      cancelKill = clock.after(graceMs, () => killGroup(child, "SIGKILL", kill));
    };
    const onAbort = (): void => stop("stopped");
    const cancelLimit = clock.after(options.timeoutMs, () => stop("timedOut"));
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    const finish = (code: number, note = ""): void => {
      cancelLimit();
      cancelKill();
      signal.removeEventListener("abort", onAbort);
      resolve({ why, code, output: output() + note, durationMs: Math.round(clock.monotonicMs() - started) });
    };
    child.on("error", (error) => {
      why = "notStarted";
      finish(-1, error.message);
    });
    // A background job would hold the pipes open, and "close" back, after its parent has ended.
    child.on("exit", () => killGroup(child, "SIGKILL", kill));
    child.on("close", (code, by) => finish(code ?? 128 + (signalNumbers[by ?? ""] ?? 0)));
  });

/** One text about how a command ended, for the model and the record; it starts with `exit code N`. */
export const describeEnd = (end: CommandEnd, timeoutMs: number): string => {
  const first = {
    exited: `exit code ${end.code} after ${end.durationMs} ms`,
    timedOut: `exit code ${end.code}: killed at its limit of ${timeoutMs} ms`,
    stopped: `exit code ${end.code}: stopped, the agent is asked to end`,
    notStarted: "the command could not be started",
  }[end.why];
  return end.output === "" ? `${first}\n(no output)` : `${first}\n${end.output}`;
};
