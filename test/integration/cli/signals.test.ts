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

/** Says the number of each signal that it hears. */
const hearing = [
  "import signal, sys",
  `for number in [${SENT.map((signal) => constants.signals[signal]).join(", ")}]:`,
  "    signal.signal(number, lambda number, _: print(number, flush=True))",
  'print("ready", flush=True)',
  "sys.stdin.read()",
].join("\n");

/** What the program says of each of the signals, sent one after the other, and the first once more to its process alone. */
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
  await once(output, "line");
  for (const signal of SENT) {
    process.kill(to === "group" ? -pid : pid, signal);
    await once(output, "line");
  }
  // What was passed on before stands before this.
  process.kill(pid, "SIGHUP");
  while (lines.filter((line) => line === "1").length < 2) await once(output, "line");
  child.stdin.end();
  await once(child, "close");
  return lines;
};

const numbers = [...SENT, "SIGHUP" as const].map((signal) => `${constants.signals[signal]}`);

describe("a signal reaches the program once, as without us", () => {
  it.each(["process", "group"] as const)("sent to our %s", async (to) => {
    expect(await heard([], to)).toEqual(["ready", ...numbers]);
    expect(await heard([enchanted, "run", "--quiet", "--no-observe", "--"], to)).toEqual(["ready", ...numbers]);
  });
});
