import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import { constants } from "node:os";
import type { Readable } from "node:stream";
import { openFramePipe } from "./frame-pipe.ts";

/** How a child ended. */
export type ChildEnd =
  | { kind: "exited"; code: number }
  | { kind: "signalled"; signal: NodeJS.Signals }
  | { kind: "notStarted"; message: string };

/** A running child with its FD 3. */
export type WrappedChild = {
  frames: Readable;
  ended: Promise<ChildEnd>;
  signal(signal: NodeJS.Signals): void;
  /** Kills every process of the child's group that is left. */
  killGroup(): void;
};

/** What to run. */
export type ChildOptions = {
  command: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  /** A writable directory, for the moment in which the pipe has a name. */
  directory: string;
  kill: (pid: number, signal: NodeJS.Signals) => void;
  /** Whether the child stays in our own process group, where the terminal's signals reach it; `killGroup` is not for it. */
  sharesGroup?: boolean;
};

const endOf = (child: ChildProcess): Promise<ChildEnd> =>
  new Promise((resolve) => {
    child.once("error", (error) => resolve({ kind: "notStarted", message: error.message }));
    child.once("exit", (code, signal) =>
      resolve(signal === null ? { kind: "exited", code: code ?? 1 } : { kind: "signalled", signal }),
    );
  });

/** The exit code that a shell would report: the child's own, or 128 and the signal's number. */
export const exitCodeOf = (end: ChildEnd): number => {
  if (end.kind === "exited") return end.code;
  return end.kind === "notStarted" ? 127 : 128 + (constants.signals[end.signal] ?? 0);
};

/** Starts the child, in a process group of its own unless told, with our stdin, stdout and stderr, and a pipe as FD 3. */
export const startChild = ({
  command,
  args,
  env,
  directory,
  kill,
  sharesGroup = false,
}: ChildOptions): WrappedChild => {
  const pipe = openFramePipe(directory);
  const stdio: StdioOptions = ["inherit", "inherit", "inherit", pipe?.childEnd ?? "pipe"];
  const child = spawn(command, [...args], { env, stdio, detached: !sharesGroup });
  pipe?.handedOver();
  const ended = endOf(child);
  const send = (pid: number | undefined, signal: NodeJS.Signals): void => {
    if (pid === undefined) return;
    try {
      kill(pid, signal);
    } catch {
      // It is gone already.
    }
  };
  return {
    frames: pipe?.source ?? (child.stdio[3] as Readable),
    ended,
    signal: (signal) => send(child.pid, signal),
    killGroup: () => send(child.pid === undefined ? undefined : -child.pid, "SIGKILL"),
  };
};
