import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { resolve } from "node:path";
import { enchanted, setCliStage, verified, type CliStage } from "./cli-stage.ts";

jest.setTimeout(120_000);

let stage: CliStage;
beforeEach(async () => {
  stage = await setCliStage();
});
afterEach(() => stage.remove());

type Step = readonly [waitFor: string, action: "type" | "resize" | "kill", value: unknown];
type Terminal = { output: string; code: number; left: number };

/** Runs a command under a terminal of its own. */
const terminal = async (command: readonly string[], steps: readonly Step[]): Promise<Terminal> => {
  const job = JSON.stringify({ command, cwd: stage.cwd, steps });
  const { stdout, stderr } = await stage.start(["python3", resolve("test/integration/cli/under_terminal.py"), job])
    .ended;
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout) as Terminal;
};

const hex = (text: string): string => Buffer.from(text).toString("hex");

const hearsInterrupts = [
  "import signal, sys",
  "heard = []",
  "def hear(*_):",
  "    heard.append(1)",
  '    print("caught")',
  "signal.signal(signal.SIGINT, hear)",
  'print("ready")',
  "line = sys.stdin.readline()",
  "print(len(heard), line.strip())",
  "sys.exit(5)",
].join("\n");

describe("the terminal is byte for byte what it is without us", () => {
  const cases: ReadonlyArray<readonly [name: string, script: string, steps: readonly Step[]]> = [
    [
      "colours, both streams and an exit code",
      String.raw`printf '\033[31mred\033[0m\n'; echo err >&2; tty -s && echo tty; exit 7`,
      [],
    ],
    ["an interactive program", `read -p "name? " name; echo "hello $name"`, [["name? ", "type", hex("ann\r")]]],
    [
      "a password without echo",
      `stty -echo; read -p "key? " key; stty echo; echo; echo "got \${#key}"`,
      [["key? ", "type", hex("abc\r")]],
    ],
    [
      "the size, and a resize that the program hears of",
      `trap 'stty size; exit 4' WINCH; stty size; echo ready; while :; do read -t 0.1; done`,
      [["ready", "resize", [40, 100]]],
    ],
    [
      "Ctrl-C once, heard by a program that handles it",
      // Not a shell's `read`: whether that goes on after a trap is a matter of timing.
      `exec python3 -u -c '${hearsInterrupts}'`,
      [
        ["ready\r\n", "type", "03"],
        ["caught\r\n", "type", hex("on\r")],
      ],
    ],
    ["Ctrl-C that ends the program", `echo ready; sleep 30`, [["ready", "type", "03"]]],
    ["an end by a signal", "kill -TERM $$", []],
    ["modes that the program leaves behind", "stty -echo; echo set", []],
  ];

  it.each(cases)("%s", async (_name, script, steps) => {
    const program = ["bash", "-c", script];
    const outer = (command: readonly string[]): string[] => [
      "bash",
      "-c",
      '"$@"; code=$?; stty -a | grep -o " -\\?echo " ; exit $code',
      "-",
      ...command,
    ];
    const plain = await terminal(outer(program), steps);
    const ours = await terminal(outer([enchanted, "run", "--quiet", "--no-observe", "--", ...program]), steps);
    expect(plain.left).toBe(0);
    // A shell names itself and its line when it tells of a signal; everything else is equal.
    expect(ours).toEqual(plain);
    await verified(stage);
  });
});
