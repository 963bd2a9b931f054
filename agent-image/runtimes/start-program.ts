import { spawn, type ChildProcess } from "node:child_process";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Kill } from "#nervous-system/kernel/shell.ts";

/** How a program ended. */
export type ProgramEnd =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "signalled"; readonly signal: NodeJS.Signals }
  | { readonly kind: "notStarted"; readonly message: string };

/** A program that runs. */
export type RunningProgram = {
  /** Resolves once it has ended, and whatever it left in its process group was killed. */
  readonly ended: Promise<ProgramEnd>;
  /** Asks its process group to end by SIGTERM, and kills it soon. */
  stop(): void;
};

type StartOptions = {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Time that it gets to end by itself. */
  readonly stopMs: number;
  readonly clock: Pick<Clock, "after">;
  readonly kill: Kill;
};

// FD 3 is the pipe that the wrapper gave us: what the program writes there is a frame of this agent.
const spawnProgram = ({ command: [program = "", ...args], cwd, env }: StartOptions): ChildProcess =>
  spawn(program, args, { cwd, env: { ...env }, detached: true, stdio: ["ignore", "inherit", "inherit", 3] });

const endOf = (child: ChildProcess): Promise<ProgramEnd> =>
  new Promise((resolve) => {
    child.once("error", ({ message }) => resolve({ kind: "notStarted", message }));
    child.once("exit", (code, signal) =>
      resolve(signal === null ? { kind: "exited", code: code ?? 1 } : { kind: "signalled", signal }),
    );
  });

/** Starts a program in a process group of its own, with our output and our FD 3. */
export const startProgram = (options: StartOptions): RunningProgram => {
  let child: ChildProcess;
  try {
    child = spawnProgram(options);
  } catch (error) {
    // Arguments of more than the kernel takes, for one.
    return { ended: Promise.resolve({ kind: "notStarted", message: String(error) }), stop: () => undefined };
  }
  const killGroup = (signal: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) options.kill(-child.pid, signal);
    } catch {
      // Everyone in it is gone already.
    }
  };
  let cancel: (() => void) | undefined;
  const ended = endOf(child).then((end) => {
    cancel?.();
    killGroup("SIGKILL");
    return end;
  });
  return {
    ended,
    stop: () => {
      if (cancel !== undefined) return;
      killGroup("SIGTERM");
      cancel = options.clock.after(options.stopMs, () => killGroup("SIGKILL"));
    },
  };
};
