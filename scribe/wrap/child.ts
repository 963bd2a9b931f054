import { spawn, spawnSync, type ChildProcess, type StdioOptions } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { constants as osConstants } from "node:os";
import { Readable } from "node:stream";

/** The pipe that a child gets as FD 3: what it writes comes out of `source`, which ends when every writer has closed it. */
type FramePipe = {
  /** For the child's `stdio[3]`. */
  childEnd: number;
  source: Socket;
  /** Gives up our copy of the child's end; called once the child has its own. */
  handedOver(): void;
};

/**
 * Makes a real pipe, by way of a FIFO that is unlinked at once: Node itself gives children socket pairs, on which
 * `echo > /dev/fd/3` fails and writes of several processes are not whole. `undefined` where there is no `mkfifo`.
 */
const openFramePipe = (directory: string): FramePipe | undefined => {
  const place = mkdtempSync(join(directory, ".enchanted-fd3-"));
  const path = join(place, "frames");
  try {
    if (spawnSync("mkfifo", ["-m", "600", path], { stdio: "ignore" }).status !== 0) return undefined;
    // The reader first, without blocking: opening a FIFO for writing waits for a reader.
    const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const childEnd = openSync(path, constants.O_WRONLY);
    const source = new Socket({ fd: readEnd, readable: true, writable: false });
    return { childEnd, source, handedOver: () => closeSync(childEnd) };
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
};

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
type ChildOptions = {
  command: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  /** A writable directory, for the moment in which the pipe has a name. */
  directory: string;
  /** Further descriptors of ours that it gets; where 3 is among them there is no pipe for frames. */
  descriptors?: readonly number[];
  kill: (pid: number, signal: NodeJS.Signals) => void;
  /** Whether the child stays in our own process group, where the terminal's signals reach it; `killGroup` is not for it. */
  sharesGroup?: boolean;
};

/** What the child has as FD 3. */
type Third = { place: "pipe" | number; framesOf(child: ChildProcess): Readable; handedOver(): void };

const openThird = (directory: string, descriptors: readonly number[]): Third => {
  const nothing = (): void => undefined;
  if (descriptors.includes(3)) return { place: 3, framesOf: () => Readable.from([]), handedOver: nothing };
  const pipe = openFramePipe(directory);
  if (pipe === undefined) return { place: "pipe", framesOf: ({ stdio }) => stdio[3] as Readable, handedOver: nothing };
  return { place: pipe.childEnd, framesOf: () => pipe.source, handedOver: pipe.handedOver };
};

/** Ours in their places, from 3 on; what lies between them is closed. */
const stdioOf = (third: "pipe" | number, descriptors: readonly number[]): StdioOptions => {
  const further = Array.from({ length: Math.max(3, ...descriptors) - 3 }, (_, at) => at + 4);
  const places = further.map((place) => (descriptors.includes(place) ? place : "ignore"));
  return ["inherit", "inherit", "inherit", third, ...places];
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
  return end.kind === "notStarted" ? 127 : 128 + (osConstants.signals[end.signal] ?? 0);
};

/** Starts the child, in a process group of its own unless told, with our stdin, stdout and stderr, and a pipe as FD 3 unless that is taken. */
export const startChild = ({
  command,
  args,
  env,
  directory,
  descriptors = [],
  kill,
  sharesGroup = false,
}: ChildOptions): WrappedChild => {
  const third = openThird(directory, descriptors);
  const stdio = stdioOf(third.place, descriptors);
  const child = spawn(command, [...args], { env, stdio, detached: !sharesGroup });
  third.handedOver();
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
    frames: third.framesOf(child),
    ended,
    // Its id may be another's once it is gone.
    signal: (signal) => send(child.exitCode === null && child.signalCode === null ? child.pid : undefined, signal),
    killGroup: () => send(child.pid === undefined ? undefined : -child.pid, "SIGKILL"),
  };
};

// In both spellings: curl reads the lower one only, others the upper one. The scribe's own inputs are not behind the proxy, and
// gRPC would send its calls of them there without `no_proxy`.
const besideIt = "127.0.0.1,localhost";

/** What makes programs use the scribe's proxy port; nothing where there is none. */
export const proxyEnvironment = (port: number | undefined): Record<string, string> => {
  if (port === undefined) return {};
  const url = `http://127.0.0.1:${port}`;
  return { HTTPS_PROXY: url, https_proxy: url, NO_PROXY: besideIt, no_proxy: besideIt };
};
