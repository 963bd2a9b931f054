import type { Readable, Writable } from "node:stream";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Ids } from "#nervous-system/schemas/ids.ts";

/** The process that a command runs in; everything that only `main.ts` may touch. Streams are opened when first asked for. */
export type Host = {
  /** What we were started with, to look at and for programs. */
  env: Readonly<Record<string, string | undefined>>;
  /** The same as the launcher gave it to us, for further processes of our own: the user's settings for Node do not rule them. */
  ownEnv: Readonly<Record<string, string | undefined>>;
  cwd: string;
  platform: NodeJS.Platform;
  nodeVersion: string;
  pid: number;
  /** The command that starts another one of these processes. */
  self: readonly string[];
  stdin(): Readable;
  stdout(): Writable & { isTTY?: boolean; columns?: number };
  /** One line on standard error, without what a terminal obeys; `stderr` is never opened before, since a program may share it. */
  warn(line: string): void;
  /** Whether standard error is a terminal. */
  hasTerminal(): boolean;
  /** Text on standard error as it is, such as a line that is written over. */
  show(text: string): void;
  clock: Clock;
  ids: Ids;
  /** `bytes` random bytes as lower-case hex. */
  randomHex(bytes: number): string;
  kill(pid: number, signal: NodeJS.Signals): void;
  onSignal(signal: NodeJS.Signals, handle: () => void): void;
};

/** How a command ends: an exit code, or the signal that ended the program it ran. */
export type Ending =
  | { kind: "exited"; code: number; /** Whether a program that shared our terminal ended so. */ ofProgram?: boolean }
  | { kind: "signalled"; signal: NodeJS.Signals };

/** Exit codes of every command; `run` else has those of its program. */
export const exitCode = { ok: 0, fault: 1, usage: 2, failed: 125, notExecutable: 126, notFound: 127 } as const;

/** The end with `code`. */
export const exited = (code: number): Extract<Ending, { kind: "exited" }> => ({ kind: "exited", code });

/** What a user can mend: the message says what, where, and what to do. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly code: number;

  constructor(message: string, code: number = exitCode.usage) {
    super(message);
    this.code = code;
  }
}

/** A line at a terminal that is written over, and gone in the end. */
export type Progress = { show(text: string): void; clear(): void };

const CLEAR = "\r\u001B[K";

/** Shows nothing in the first second, nor anywhere but at a terminal. */
export const createProgress = (host: Pick<Host, "clock" | "hasTerminal" | "show">): Progress => {
  const began = host.clock.monotonicMs();
  const isTerminal = host.hasTerminal();
  let shown = "";
  return {
    show: (text) => {
      if (!isTerminal || text === shown || host.clock.monotonicMs() - began < 1000) return;
      shown = text;
      host.show(`${CLEAR}${text}`);
    },
    clear: () => {
      if (shown !== "") host.show(CLEAR);
      shown = "";
    },
  };
};
