import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { createInterface } from "node:readline";
import { enchanted, setCliStage, type CliStage } from "./cli-stage.ts";

jest.setTimeout(60_000);

let stage: CliStage;
beforeEach(async () => {
  stage = await setCliStage();
});
afterEach(() => stage.remove());

const SENT = [
  ...(["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGWINCH"] as const),
  ...(["SIGALRM", "SIGPWR", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGSYS", "SIGCONT", "SIGURG"] as const),
];

/** Sent to the process alone, behind all others. */
const LAST: NodeJS.Signals = "SIGTRAP";

const numberOf = (signal: NodeJS.Signals): string => `${constants.signals[signal]}`;

/**
 * Says the number of each signal that it hears, from a pipe: a handler of Python's own waits for the next signal where one comes
 * right before the program waits for its input again.
 */
const hearing = [
  "import os, select, signal",
  "heard, told = os.pipe()",
  "os.set_blocking(told, False)",
  "signal.set_wakeup_fd(told)",
  `for number in [${[...SENT, LAST].map(numberOf).join(", ")}]:`,
  "    signal.signal(number, lambda *_: None)",
  'print("ready", flush=True)',
  "while True:",
  "    ready = select.select([heard, 0], [], [])[0]",
  "    for number in os.read(heard, 64) if heard in ready else []:",
  "        print(number, flush=True)",
  "    if 0 in ready and not os.read(0, 1):",
  "        break",
].join("\n");

/** What the program says of each of the signals, sent one after the other, and of the last one to its process alone. */
const heard = async (under: readonly string[], to: "process" | "group"): Promise<string[]> => {
  // `env` is replaced by what it starts.
  const child = spawn("env", [...under, "python3", "-c", hearing], {
    cwd: stage.cwd,
    detached: true,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const { pid = NaN } = child;
  const lines: string[] = [];
  const output = createInterface(child.stdout).on("line", (line) => lines.push(line));
  const heardOf = async (what: string): Promise<void> => {
    const limit = AbortSignal.timeout(20_000);
    await once(output, "line", { signal: limit }).catch(() => {
      throw new Error(`not heard of in 20 s: ${what}; heard were ${lines.join(" ")}`);
    });
  };
  await heardOf("its beginning");
  for (const signal of SENT) {
    process.kill(to === "group" ? -pid : pid, signal);
    await heardOf(signal);
  }
  // What was passed on before stands before this. One of them once more would be one with the first, while that is asked about.
  process.kill(pid, LAST);
  while (!lines.includes(numberOf(LAST))) await heardOf(LAST);
  child.stdin.end();
  await once(child, "close");
  return lines;
};

const numbers = [...SENT, LAST].map(numberOf);

describe("a signal reaches the program once, as without us", () => {
  it.each(["process", "group"] as const)("sent to our %s", async (to) => {
    expect(await heard([], to)).toEqual(["ready", ...numbers]);
    expect(await heard([enchanted, "run", "--quiet", "--no-observe", "--"], to)).toEqual(["ready", ...numbers]);
  });
});
