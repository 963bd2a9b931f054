import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { enchanted, setCliStage, type CliStage, type Ended } from "./cli-stage.ts";

jest.setTimeout(60_000);

let stage: CliStage;
beforeEach(async () => {
  stage = await setCliStage();
});
afterEach(() => stage.remove());

const run = [enchanted, "run", "--quiet", "--no-observe", "--no-models", "--no-otlp", "--"];

/** What a script of bash does in which `"$@"` stands before a program: nothing, or us. */
const bothWays = async (script: string): Promise<{ plain: Ended; ours: Ended }> => {
  const bash = (...under: string[]): Promise<Ended> => stage.start(["bash", "-c", script, "-", ...under]).ended;
  return { plain: await bash(), ours: await bash(...run) };
};

const environment = "env | grep -v '^ENCHANTED_SOCKET=\\|^TRACEPARENT=' | sort";
const clean = 'env -i PATH="$PATH" HOME="$HOME"';
const odd = `'a.b=1' 'npm_config_@x:registry=y' $'BASH_FUNC_greet%%=() {  echo "hi\\n$1"\n}'`;

describe("a program has what it was started with, as without us", () => {
  it.each([
    ["variables whose names are none to a shell", `${clean} ${odd} "$@" ${environment}`],
    ["exported functions", 'greet() { echo "hi $1"; }; export -f greet; "$@" bash -c "greet ann"'],
    ["no variables that a shell sets", `${clean} "$@" ${environment}`],
    [
      "variables that a shell sets",
      `${clean} PWD=/nowhere IFS=: OPTIND=7 SHLVL=3 _=it OLDPWD=/tmp "$@" ${environment}`,
    ],
    [
      "variables with names such as scripts use",
      `${clean} CDPATH=/tmp root=1 node=2 name=3 value=4 key=5 self=6 program=7 "$@" ${environment}`,
    ],
    ["the same with ignored signals", `trap '' HUP IO; ${clean} ${odd} SHLVL=3 IFS=: "$@" ${environment}`],
    [
      "Node's variables, which do not rule us",
      `${clean} NODE_OPTIONS='--inspect-brk=0 --require /nowhere' NODE_DEBUG=module,fs NODE_V8_COVERAGE="$PWD" \\
        NODE_EXTRA_CA_CERTS=/nowhere NODE_TLS_REJECT_UNAUTHORIZED=0 NODE_PENDING_DEPRECATION=1 OPENSSL_CONF=/nowhere \\
        NODE_PATH= "$@" ${environment}; ls *.json`,
    ],
    ["a descriptor that bash chose", 'exec {f}<<<hello; "$@" cat /dev/fd/$f'],
    ["a descriptor that holds a lock", 'exec 11>lock; "$@" flock -n 11 && echo locked'],
    [
      "descriptors with gaps",
      `exec 5<<<a 9<<<b 12<<<c 17<<<d; "$@" python3 -c 'import os
for fd in (4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17):
    try: print(fd, os.read(fd, 9))
    except OSError as error: print(fd, error.errno)'`,
    ],
    ["limits", 'ulimit -Sn 300; "$@" bash -c "ulimit -Sn; ulimit -Hn"'],
  ])("%s", async (_, script) => {
    const { plain, ours } = await bothWays(script);
    expect(plain.stdout).not.toBe("");
    expect(ours).toEqual(plain);
  });
});

describe("in a directory that is gone", () => {
  const gone = (command: string): Promise<Ended> =>
    stage.start(["bash", "-c", `mkdir gone; cd gone; rmdir ../gone; exec "$0" ${command}`, enchanted]).ended;
  // The system's shell, which starts us, may say so before.
  const said = /^(sh: [^\n]*\n)?enchanted: the current directory is gone; change to one that exists\n$/;

  it.each(["run -- echo hi", "tail"])("%s says so in a line", async (command) => {
    expect(await gone(command)).toEqual({ code: 125, signal: null, stdout: "", stderr: expect.stringMatching(said) });
  });

  it("help is shown all the same", async () => {
    expect(await gone("--help")).toMatchObject({ code: 0, stdout: expect.stringContaining("Usage: enchanted") });
  });
});
