import { StringDecoder } from "node:string_decoder";
import { runShell, type Kill, type ShellCommand, type ShellEnd } from "#nervous-system/kernel/shell.ts";
import { createBoundedCollector } from "./bounded-text.ts";

/** A shell command to run within limits. */
type BoundedCommand = Omit<ShellCommand, "onOutput"> & {
  /** Of standard output and error together; the middle of a longer one is left out. */
  readonly maxOutputChars: number;
};

/** How a command ended, and what it said. */
type CommandEnd = ShellEnd & { readonly output: string };

/** Runs a command by `runShell` and keeps what it says. */
export const runCommand = async ({ maxOutputChars, ...command }: BoundedCommand, kill: Kill): Promise<CommandEnd> => {
  const collector = createBoundedCollector(maxOutputChars);
  const decoder = new StringDecoder("utf8");
  const end = await runShell({ ...command, onOutput: (chunk) => collector.push(decoder.write(chunk)) }, kill);
  return { ...end, output: collector.text() };
};

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
