import { spawn, type ChildProcess } from "node:child_process";
import { constants } from "node:os";
import type { Clock } from "./clock.ts";

/** A shell command to run. */
export type ShellCommand = {
  readonly command: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Gets standard output and error as they come, in their order. */
  readonly onOutput: (chunk: Buffer) => void;
  readonly clock: Pick<Clock, "after" | "monotonicMs">;
};

/** How a command ended. */
export type ShellEnd = {
  readonly why: "exited" | "timedOut" | "stopped" | "notStarted";
  /** Exit code; 128 + signal number by the shell's custom when a signal ended it; -1 when it never started. */
  readonly code: number;
  readonly durationMs: number;
};

/** Sends signals; `process.kill`, given by main so that nothing below it names the process. */
export type Kill = (pid: number, signal: NodeJS.Signals) => void;

const killGroup = (child: ChildProcess, signal: NodeJS.Signals, kill: Kill): void => {
  if (child.pid === undefined) return;
  try {
    kill(-child.pid, signal);
  } catch {
    // Everyone in the group is gone already.
  }
};

const graceMs = 2_000;

/**
 * Runs `sh -c` in a process group of its own with nothing on standard input. At the limit the group gets SIGTERM and soon
 * SIGKILL; what the command left running in its group is killed when the command itself ends. Never rejects.
 */
export const runShell = (options: ShellCommand, kill: Kill): Promise<ShellEnd> =>
  new Promise((resolve) => {
    const { clock, signal, onOutput } = options;
    const started = clock.monotonicMs();
    // One pipe for both outputs keeps their order.
    const child = spawn("/bin/sh", ["-c", `exec 2>&1\n${options.command}`], {
      cwd: options.cwd,
      env: { ...options.env },
      detached: true,
      stdio: ["ignore", "pipe", "ignore"],
    });
    child.stdout.on("data", onOutput);
    let why: ShellEnd["why"] = "exited";
    let cancelGrace = (): void => {};
    const stop = (reason: ShellEnd["why"]): void => {
      if (why !== "exited") return;
      why = reason;
      killGroup(child, "SIGTERM", kill);
      cancelGrace = clock.after(graceMs, () => killGroup(child, "SIGKILL", kill));
    };
    const onAbort = (): void => stop("stopped");
    const cancelLimit = clock.after(options.timeoutMs, () => stop("timedOut"));
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    const finish = (code: number): void => {
      cancelGrace();
      signal?.removeEventListener("abort", onAbort);
      resolve({ why, code, durationMs: Math.round(clock.monotonicMs() - started) });
    };
    child.on("error", (error) => {
      cancelLimit();
      why = "notStarted";
      onOutput(Buffer.from(error.message));
      finish(-1);
    });
    // A background job would hold the pipe open, and "close" back, after its parent has ended; one with a session of its own
    // (`setsid`) does so although the group is killed, so what it may still say is waited for no longer than the grace.
    child.on("exit", () => {
      cancelLimit();
      cancelGrace();
      killGroup(child, "SIGKILL", kill);
      cancelGrace = clock.after(graceMs, () => child.stdout.destroy());
    });
    child.on("close", (code, by) => finish(code ?? 128 + (by === null ? 0 : constants.signals[by])));
  });

/** What a command sees of the environment, of an agent as of a verifier: nothing of our own. */
export const shellEnvironment = (
  { PATH, TMPDIR }: { readonly PATH: string; readonly TMPDIR: string },
  home: string,
): Record<string, string> => ({
  PATH,
  HOME: home,
  TMPDIR,
  LANG: "C.UTF-8",
  TERM: "dumb",
  NO_COLOR: "1",
  CI: "true",
});
