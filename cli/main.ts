import { randomBytes } from "node:crypto";
import { writeSync } from "node:fs";
import { constants } from "node:os";
import { isatty } from "node:tty";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { plainText } from "#nervous-system/kernel/plain-text.ts";
import { surviveRejections, unforeseen } from "#nervous-system/kernel/last-resort.ts";
import { randomIds } from "#nervous-system/schemas/ids.ts";
import manifest from "../package.json" with { type: "json" };
import { parseInvocation } from "./arguments.ts";
import { commands } from "./commands.ts";
import { renderCommandHelp, renderHelp } from "./help.ts";
import { fileTrouble } from "./file-trouble.ts";
import { givenEnvironment } from "./run/given-environment.ts";
import { keepCommand } from "./run/keep-command.ts";
import { CliError, exitCode, exited, type Ending, type Host } from "./host.ts";

/** What standard output failed with; that its reader left (`| head`) is no failure. */
let outputError: NodeJS.ErrnoException | undefined;

const openStdout = (): Host["stdout"] => {
  let opened = false;
  return () => {
    if (!opened) process.stdout.on("error", (error: NodeJS.ErrnoException) => (outputError ??= error));
    opened = true;
    return process.stdout;
  };
};

/** Asked for when it is needed: help needs none. */
const currentDirectory = (): string => {
  try {
    return process.cwd();
  } catch {
    throw new CliError("enchanted: the current directory is gone; change to one that exists", exitCode.failed);
  }
};

const host: Host = {
  env: givenEnvironment(process.env),
  ownEnv: process.env,
  get cwd() {
    return currentDirectory();
  },
  platform: process.platform,
  nodeVersion: process.version,
  pid: process.pid,
  // The sources, or what was built of them: whichever runs.
  self: [process.execPath, process.argv[1] ?? ""],
  stdin: () => process.stdin,
  stdout: openStdout(),
  // Whatever an error, a server or a proxy says: here and nowhere before, so that no command forgets it.
  warn: (line) => void writeSync(2, `${plainText(line)}\n`),
  hasTerminal: () => isatty(2),
  show: (text) => void writeSync(2, text),
  clock: systemClock(),
  ids: randomIds(),
  randomHex: (bytes) => randomBytes(bytes).toString("hex"),
  kill: (pid, signal) => void process.kill(pid, signal),
  onSignal: (signal, handle) => void process.on(signal, handle),
};

const print = (text: string): Ending => {
  host.stdout().write(text);
  return exited(exitCode.ok);
};

const dispatch = async (name: string | undefined, args: readonly string[]): Promise<Ending> => {
  if (name === "--version") return print(`${manifest.version}\n`);
  const find = (wanted: string | undefined) => commands.find((candidate) => candidate.name === wanted);
  const asked = name === "help" ? find(args[0]) : undefined;
  if (asked !== undefined) return print(renderCommandHelp(asked));
  if (name === "--help" || name === "-h" || name === "help") return print(renderHelp(commands));
  const command = find(name);
  if (command === undefined) {
    const names = commands.map((known) => known.name).join(", ");
    const what = name === undefined ? "say what to do" : `there is no command "${name}"`;
    throw new CliError(`enchanted: ${what}; commands: ${names}; see: enchanted --help`);
  }
  const invocation = parseInvocation(command, args);
  if (invocation === "help") return print(renderCommandHelp(command));
  return (await command.load())(host, invocation);
};

const describeError = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);

const told = (error: unknown): Ending => {
  if (error instanceof CliError) {
    host.warn(error.message);
    return exited(error.code);
  }
  host.warn(`enchanted: ${describeError(error)}`);
  return exited(exitCode.failed);
};

/**
 * Ends as the program ended. Node puts the terminal's modes back as it found them when it exits, which would undo what the
 * program did to them (`stty`), and cannot die of a signal that it handles: so a shell takes the process over to end it.
 */
const leave = (ending: Ending): void => {
  const code = ending.kind === "exited" ? ending.code : 128 + (constants.signals[ending.signal] ?? 0);
  const number = ending.kind === "exited" ? undefined : constants.signals[ending.signal];
  const script = number === undefined ? `exit ${code}` : `ulimit -c 0; kill -${number} $$; exit ${code}`;
  try {
    process.removeAllListeners("warning"); // that execve is experimental is nothing to tell a user
    process.execve?.("/bin/sh", ["sh", "-c", script], { PATH: process.env["PATH"] ?? "" });
  } catch {
    // Where there is no such call or shell, the code says it alone.
  }
  process.exit(code);
};

surviveRejections(process, (error) => host.warn(`enchanted: ${unforeseen}: ${describeError(error)}`));
const [name, ...args] = process.argv.slice(2);
const begin = async (): Promise<Ending> =>
  name === keepCommand ? (await import("./keep-ports.ts")).keepPorts(host) : dispatch(name, args);
const ending = await begin().catch(told);
if (ending.kind === "signalled" || ending.ofProgram === true) leave(ending);
else process.exitCode = ending.code;
process.once("exit", () => {
  if (outputError === undefined || outputError.code === "EPIPE") return;
  host.warn(`enchanted: standard output cannot be written: ${fileTrouble(outputError)}`);
  process.exitCode = exitCode.failed;
});
