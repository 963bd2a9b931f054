import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { chmod, chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { enchanted, setCliStage, verified, type CliStage } from "./cli-stage.ts";

jest.setTimeout(120_000);

let stage: CliStage;
beforeEach(async () => {
  stage = await setCliStage();
});
afterEach(() => stage.remove());

type Step = readonly [waitFor: string, action: "type" | "resize" | "kill" | "pause", value: unknown];
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

/** Hears from a pipe: a handler of Python's own waits where the signal comes right before the program waits for its input. */
const hearing = (signal: string): string =>
  [
    "import os, select, signal, sys",
    "heard, told = os.pipe()",
    "os.set_blocking(told, False)",
    "signal.set_wakeup_fd(told)",
    `signal.signal(signal.${signal}, lambda *_: None)`,
    'print("ready")',
    "select.select([heard], [], [])",
    'print("caught")',
    "line = sys.stdin.readline()",
    "print(len(os.read(heard, 64)), line.strip())",
    "sys.exit(5)",
  ].join("\n");

/** What is run around a program: limits of its own, and how it leaves the terminal. */
const around =
  'ulimit -Sn 300; ulimit -c 0; umask 027; exec 7<<<through; "$@"; code=$?; stty -a | grep -o " -\\?echo "; exit $code';
/** The same by a shell with job control, which goes on with what was stopped. */
const aroundJobs = 'set -m; "$@"; echo "stopped by $?"; fg > /dev/null; echo "ended by $?"';

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
      `exec python3 -u -c '${hearing("SIGINT")}'`,
      [
        ["ready\r\n", "type", "03"],
        ["caught\r\n", "type", hex("on\r")],
      ],
    ],
    ["Ctrl-C that ends the program", `echo ready; sleep 30`, [["ready", "type", "03"]]],
    ["an end by a signal", "kill -TERM $$", []],
    ["modes that the program leaves behind", "stty -echo; echo set", []],
    [
      "a pager on the whole screen",
      "seq 300 > n; TERM=xterm less n",
      [
        ["23\r\n", "type", "20"],
        ["46\r\n", "type", hex("G")],
        ["300\r\n", "type", hex("q")],
      ],
    ],
    [
      "an editor on the whole screen",
      "rm -f f; TERM=xterm vim -u NONE -i NONE -N -n +startinsert f; cat f",
      [
        ["~", "type", hex("hello")],
        ["hello", "type", hex("\u001b:wq\r")],
      ],
    ],
    ["limits and the priority", "ulimit -n; ulimit -Hn; ulimit -c; nice; umask", []],
    ["descriptors that were opened before", "cat <&7; ls /proc/$$/fd | grep -c 5", []],
    ["input from a pipe, output to one", "seq 3 | sort -r | cat", []],
    ["a pipe that its reader closed", "yes | head -1; echo $? ${PIPESTATUS[0]}", []],
    [
      "Ctrl-\\ once, heard by a program that handles it",
      `exec python3 -u -c '${hearing("SIGQUIT")}'`,
      [
        ["ready\r\n", "type", "1c"],
        ["caught\r\n", "type", hex("on\r")],
      ],
    ],
    ["an end of input", "echo ready; cat; echo over", [["ready\r\n", "type", "04"]]],
  ];

  /** The terminal of a program without us and with us. */
  const bothWays = async (program: readonly string[], steps: readonly Step[], outer: string) => {
    const command = (...inner: string[]): string[] => ["bash", "-c", outer, "-", ...inner];
    const plain = await terminal(command(...program), steps);
    const ours = await terminal(command(enchanted, "run", "--quiet", "--no-observe", "--", ...program), steps);
    return { plain, ours };
  };

  it.each(cases)("%s", async (_name, script, steps) => {
    const { plain, ours } = await bothWays(["bash", "-c", script], steps, around);
    expect(plain.left).toBe(0);
    // A shell names itself and its line when it tells of a signal; everything else is equal.
    expect(ours).toEqual(plain);
    await verified(stage);
  });

  it("stopped by Ctrl-Z, and gone on with", async () => {
    const script = 'echo ready; read line; echo "got $line"';
    const steps: Step[] = [
      ["ready", "type", "1a"],
      ["stopped by", "type", hex("on\r")],
    ];
    const { plain, ours } = await bothWays(["bash", "-c", script], steps, aroundJobs);
    expect(plain.output).toContain("got on");
    expect(ours).toEqual(plain);
  });

  it("below the job server of a make", async () => {
    await writeFile(join(stage.cwd, "Outer"), "all:\n\t+@$(UNDER) $(MAKE) --no-print-directory -f Inner\n");
    await writeFile(join(stage.cwd, "Inner"), "all: a b c\na b c:\n\t@echo made\n");
    const make = (under: string): Promise<Terminal> =>
      terminal(["make", "-j3", "--no-print-directory", "-f", "Outer", `UNDER=${under}`], []);
    const plain = await make("");
    expect(plain).toMatchObject({ output: "made\r\nmade\r\nmade\r\n", code: 0 });
    expect(await make(`${enchanted} run --quiet --no-observe --`)).toEqual(plain);
  });

  it("Ctrl-C at any moment of the start and of the end", async () => {
    const program = ["bash", "-c", "echo ready; sleep 0.3; echo over"];
    const ended = new Set<number>();
    for (let ms = 0; ms <= 1_200; ms += 100) {
      const steps: Step[] = [
        ["", "pause", ms / 1000],
        ["", "type", "03"],
      ];
      const { code } = await terminal([enchanted, "run", "--quiet", "--", ...program], steps);
      ended.add(code);
    }
    // Interrupted, or over before.
    expect([...ended].filter((code) => ![0, -2, 130].includes(code))).toEqual([]);
    await verified(stage);
  });

  const root = process.getuid?.() === 0 ? it : it.skip;
  root("of a user who is not root, with a home of its own", async () => {
    const home = await mkdtemp(join(tmpdir(), "home-"));
    await chmod(stage.cwd, 0o777);
    await chown(home, 65_534, 65_534);
    const as = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", `HOME=${home}`];
    const program = ["bash", "-c", "id -u; echo $HOME"];
    const plain = await terminal([...as, ...program], []);
    const ours = await terminal([...as, enchanted, "run", "--quiet", "--", ...program], []);
    expect(ours).toEqual(plain);
    await rm(home, { recursive: true });
  });
});
