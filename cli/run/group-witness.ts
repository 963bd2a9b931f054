import { spawn } from "node:child_process";
import type { Socket } from "node:net";
import { constants } from "node:os";

/** Who asks. */
type GroupWitnessOptions = {
  /** What it listens for. */
  signals: readonly NodeJS.Signals[];
  /** Where `sh` is found. */
  path: string | undefined;
  /** Hears of each signal that reached us alone, or of which nobody knows. */
  onAlone: (signal: NodeJS.Signals) => void;
};

// A shell handles its signals before it reads on, so what it saw stands before the answer. Interrupted, `read` fails as at the
// end of its input.
const script = `for signal in "$@"; do trap "echo $signal; hit=1" $signal; done
while hit= asked=; read -r asked || [ "$hit" ]; do echo ".$asked"; done`;

// They would keep it from answering.
const STOPS = ["SIGTSTP", "SIGTTIN", "SIGTTOU"] as const;

const numberOf = (signal: NodeJS.Signals): string => `${constants.signals[signal]}`;

/**
 * Starts a shell in our process group that says which signals it gets: nothing tells Node whether one was sent to a process
 * or to its group. Answers what is to be called for each signal that reaches us; the shell ends with us.
 *
 *   us: signal ──"1"──▶ witness: "15" if it has it, too ──".1"──▶ us: pass it on unless it has
 */
export const startGroupWitness = ({
  signals,
  path,
  onAlone,
}: GroupWitnessOptions): ((signal: NodeJS.Signals) => void) => {
  const args = ["-c", script, "sh", ...new Set([...signals, ...STOPS].map(numberOf))];
  // None of our environment: by that, a run around this one would take it for one of its program's.
  const env = path === undefined ? {} : { PATH: path };
  const child = spawn("sh", args, { env, cwd: "/", stdio: ["pipe", "pipe", "ignore"] });
  child.on("error", () => undefined); // its output is closed then
  child.stdin.on("error", () => undefined);
  const seen = new Set<string>();
  /** By signal the last question about it: two that come before the answer are one, as they are to the kernel. */
  const questions = new Map<NodeJS.Signals, string>();
  let asked = 0;
  let isGone = false;
  const settle = (signal: NodeJS.Signals): void => {
    questions.delete(signal);
    if (!seen.delete(numberOf(signal))) onAlone(signal);
  };
  const take = (line: string): void => {
    if (!line.startsWith(".")) seen.add(line);
    else for (const [signal, question] of questions) if (line === `.${question}`) settle(signal);
  };
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
  });
  child.once("close", (_, signal) => {
    isGone = true;
    // What ended it before it listened, it had.
    if (signal !== null) seen.add(numberOf(signal));
    for (const one of questions.keys()) settle(one);
  });
  // Nothing waits for it.
  for (const held of [child, child.stdin as Socket, child.stdout as Socket]) held.unref();
  return (signal) => {
    if (isGone) return onAlone(signal);
    asked += 1;
    questions.set(signal, `${asked}`);
    child.stdin.write(`${asked}\n`);
  };
};
