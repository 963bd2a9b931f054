import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { ensurePythonEnvironment } from "#platform/tools/python-environment.ts";
import { enchanted, payloads, setCliStage, type CliStage } from "./cli-stage.ts";

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

const thoughts = async (): Promise<unknown[]> => payloads(await stage.lines(), "THOUGHT").map(({ text }) => text);
const verified = async (): Promise<void> => {
  const { code, stdout } = await stage.cli(["verify"]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining("ok: ") });
};
const say = (text: string): string => `echo '{"event_type":"THOUGHT","text":"${text}"}' >&3`;
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
    const ours = await terminal(outer([enchanted, "run", "--no-observe", "--", ...program]), steps);
    expect(plain.left).toBe(0);
    // A shell names itself and its line when it tells of a signal; everything else is equal.
    expect(ours).toEqual(plain);
    await verified();
  });
});

describe("enchanted run", () => {
  it("gives FD 3, the socket and a trace, and touches neither stdin, stdout nor stderr", async () => {
    const program = `${say("one")}; cat; echo err >&2; test -S "$ENCHANTED_SOCKET" && echo "$TRACEPARENT"`;
    const trace = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
    const { code, stdout, stderr } = await stage.cli(["run", "--", "bash", "-c", program], {
      input: "in\n",
      env: { TRACEPARENT: trace },
    });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `in\n${trace}\n`, stderr: "err\n" });
    expect(await thoughts()).toEqual(["one"]);
    await verified();
  });

  it.each([
    ["its exit code", "exit 7", 7, null],
    ["its signal", "kill -TERM $$", null, "SIGTERM"],
    ["SIGKILL", "kill -KILL $$", null, "SIGKILL"],
  ])("ends as the program ends: %s", async (_name, script, code, signal) => {
    expect(await stage.cli(["run", "--", "sh", "-c", script])).toMatchObject({ code, signal });
    await verified();
  });

  it("says 127 and 126 where there is no program, or it is none", async () => {
    await writeFile(join(stage.cwd, "plain"), "x");
    expect(await stage.cli(["run", "--", "no-such-program"])).toMatchObject({ code: 127 });
    expect(await stage.cli(["run", "--", "./plain"])).toMatchObject({ code: 126 });
  });

  it("leaves to its program the signals that it was started to ignore, as nohup does", async () => {
    const program = `grep SigIgn /proc/$$/status; ${say("a")}; kill -HUP $PPID; kill -HUP $$; sleep 0.3; echo survived; exit 5`;
    const outer = `trap '' HUP INT; exec "${enchanted}" run -- sh -c '${program.replaceAll("'", String.raw`'\''`)}'`;
    const { code, stdout, stderr } = await stage.start(["sh", "-c", outer]).ended;
    expect({ code, stderr }).toEqual({ code: 5, stderr: "" });
    const mask = BigInt(`0x${/SigIgn:\s*(\S+)/.exec(stdout)?.[1]}`);
    expect(mask & 0b111n).toBe(0b011n);
    expect(stdout).toMatch(/survived\n$/);
    expect(payloads(await stage.lines(), "LIFECYCLE").map(({ program: name }) => name)).toEqual(["sh", undefined]);
    await verified();
  });

  it("passes SIGTERM on and outlives it for as long as the program does", async () => {
    const script = `bye() { echo bye; ${say("bye")}; exit 9; }; trap bye TERM; echo ready; while :; do sleep 0.05; done`;
    const { child, ended } = stage.start([enchanted, "run", "--", "bash", "-c", script]);
    await once(child.stdout!, "data");
    child.kill("SIGTERM");
    expect(await ended).toMatchObject({ code: 9, stdout: "ready\nbye\n" });
    expect(await thoughts()).toEqual(["bye"]);
  });

  it("survives a flood of 100,000 lines and a torn last one", async () => {
    const script = `import os\nf = os.fdopen(3, "w")\nfor i in range(100000): f.write('{"event_type":"THOUGHT","text":%d}\\n' % i)\nf.write('{"event_type":"THOU')`;
    expect(await stage.cli(["run", "--no-observe", "--", "python3", "-c", script])).toMatchObject({ code: 0 });
    const lines = await stage.lines();
    const texts = payloads(lines, "THOUGHT").map(({ text }) => text);
    expect(texts).toHaveLength(100_000);
    expect(texts.every((text, at) => text === at)).toBe(true);
    expect(payloads(lines, "ERROR")).toHaveLength(1);
    await verified();
  });

  it("records writers that the program forks, and one that outlives it", async () => {
    const forks = `for i in 1 2 3 4; do (for j in $(seq 50); do ${say("w")}; done) & done; wait`;
    const late = `(sleep 0.3; ${say("late")}) >/dev/null 2>&1 & exit 0`;
    expect(await stage.cli(["run", "--linger", "20000", "--", "bash", "-c", `${forks}; ${late}`])).toMatchObject({
      code: 0,
    });
    const texts = await thoughts();
    expect(texts.filter((text) => text === "w")).toHaveLength(200);
    expect(texts.at(-1)).toBe("late");
    await verified();
  });

  it("leaves whole lines that verify when it is killed, and the next run goes on in the same file", async () => {
    const flood = `trap '' PIPE; while ${say("x")}; do :; done 2>/dev/null`;
    const { child, ended } = stage.start([enchanted, "run", "--no-observe", "--", "bash", "-c", flood]);
    const size = async (): Promise<number> =>
      (await readFile(join(stage.cwd, "swarm_context.jsonl")).catch(() => Buffer.alloc(0))).length;
    while ((await size()) < 20_000) await new Promise((wake) => setTimeout(wake, 20));
    child.kill("SIGKILL");
    await ended;
    await verified();
    expect(await stage.cli(["run", "--no-observe", "--", "true"])).toMatchObject({ code: 0 });
    await verified();
  });

  it("lets two runs append to one file at once", async () => {
    const script = `for i in $(seq 300); do ${say("x")}; done`;
    const ends = await Promise.all([1, 2].map(() => stage.cli(["run", "--no-observe", "--", "bash", "-c", script])));
    expect(ends.map(({ code }) => code)).toEqual([0, 0]);
    expect(await thoughts()).toHaveLength(600);
    const { stdout } = await stage.cli(["verify", "--output", "json"]);
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, torn: [] });
    expect((JSON.parse(stdout) as { chains: unknown[] }).chains).toHaveLength(2);
  });
});

describe("the program's own OpenTelemetry", () => {
  it.each(["http", "grpc"])(
    "over %s, without an endpoint in the program, becomes frames in the file",
    async (protocol) => {
      const python = await ensurePythonEnvironment();
      const agent = resolve("test/integration/pipeline/agent_with_otlp.py");
      expect(await stage.cli(["run", "--no-observe", "--", python, agent, protocol])).toMatchObject({
        code: 0,
        stderr: "",
      });
      const lines = await stage.lines();
      expect(payloads(lines, "DECISION_RATIONALE")).toMatchObject([{ confidence_score: 0.98 }]);
      expect(payloads(lines, "STATE_CHANGE")).toMatchObject([{ file_modified: "src/auth/login.py", lines_added: 15 }]);
      await verified();
    },
  );

  it("stays where the user points it, or with --no-otlp where it was", async () => {
    const script = ["sh", "-c", 'echo "$OTEL_EXPORTER_OTLP_ENDPOINT"'];
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://mine:4318" };
    expect((await stage.cli(["run", "--", ...script], { env })).stdout).toBe("http://mine:4318\n");
    expect((await stage.cli(["run", "--no-otlp", "--", ...script])).stdout).toBe("\n");
    expect((await stage.cli(["run", "--", ...script])).stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+\n$/);
  });
});

describe("what the program does not say", () => {
  const git = (...args: string[]): string =>
    execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b", ...args], { cwd: stage.cwd, encoding: "utf8" });

  it("is observed in a Git work tree, without touching its index, and told in one batch", async () => {
    git("init", "-q");
    await writeFile(join(stage.cwd, "a.txt"), "1\n2\n3\n4\n");
    await writeFile(join(stage.cwd, "b.txt"), "b\n");
    git("add", "-A");
    git("commit", "-qm", "first");
    const script = "mv a.txt c.txt; echo more >> b.txt; mkdir d; echo new > 'd/ü x'";
    expect(await stage.cli(["run", "--", "bash", "-c", script])).toMatchObject({ code: 0 });
    const changes = payloads(await stage.lines(), "STATE_CHANGE");
    expect(
      changes.map(({ change, file_modified, old_path, lines_added }) => [change, file_modified, old_path, lines_added]),
    ).toEqual([
      ["modified", "b.txt", undefined, 1],
      ["renamed", "c.txt", "a.txt", 0],
      ["added", "d/ü x", undefined, 1],
    ]);
    expect(changes.map(({ new_state_hash }) => typeof new_state_hash)).toEqual(["undefined", "undefined", "string"]);
    expect(changes[0]?.["patch"]).toContain("+more");
    expect(git("diff", "--cached", "--name-only")).toBe("");
  });

  it("is named at its start and end: command line without secrets, directory, commit, exit code", async () => {
    git("init", "-q");
    git("commit", "-q", "--allow-empty", "-m", "first");
    const token = ["gh", "p_", "a1B2".repeat(9)].join("");
    await stage.cli(["run", "--", "bash", "-c", "exit 3", token]);
    const here = await realpath(stage.cwd);
    expect(payloads(await stage.lines(), "LIFECYCLE")).toEqual([
      {
        phase: "Started",
        attempt: 1,
        program: "bash",
        arguments: ["-c", "exit 3", expect.stringMatching(/^\[redacted:/)],
        directory: here,
        observing: here,
        commit: git("rev-parse", "HEAD").trim(),
      },
      { phase: "Stopped", attempt: 1, reason: "Exited", exit_code: 3 },
    ]);
  });

  it("shows no value of a secret variable of its environment, however it writes it, nor a password among its arguments", async () => {
    const secret = "pA55 w0rd/ü+1";
    const script = `
      const { SHOP_PASSWORD: it } = process.env;
      const base64 = Buffer.from("ann:" + it).toString("base64");
      const text = [it, JSON.stringify({ it }), encodeURIComponent(it), base64].join(" | ");
      require("fs").writeSync(3, JSON.stringify({ event_type: "THOUGHT", text }) + "\\n");
      console.log(it);`;
    const { code, stdout } = await stage.cli(
      ["run", "--", process.execPath, "-e", script, "--", "-u", "ann:hunter2", "--password", "hunter"],
      { env: { SHOP_PASSWORD: secret } },
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${secret}\n` });
    const lines = await stage.lines();
    const cut = "[redacted:SHOP_PASSWORD]";
    expect(payloads(lines, "THOUGHT")[0]?.["text"]).toMatch(
      `${cut} | {"it":"${cut}"} | ${cut} | ${Buffer.from("ann:").toString("base64").slice(0, 5)}`,
    );
    expect(JSON.stringify(lines)).not.toMatch(/pA55|w0rd|hunter/);
    expect(payloads(lines, "LIFECYCLE")[0]?.["arguments"]).toEqual(
      expect.arrayContaining(["-u", "ann:[redacted:user-password]", "--password", "[redacted:flag]"]),
    );
  });

  it("is observed beside what Git cannot take, which is named", async () => {
    git("init", "-q");
    await stage.cli(["run", "--", "bash", "-c", "git init -q nested; echo a > nested/a; echo b > b"]);
    const { stderr } = await stage.cli(["run", "--", "bash", "-c", "echo c > c; mkdir d; git init -q d/e"]);
    const changes = payloads(await stage.lines(), "STATE_CHANGE").map(({ file_modified }) => file_modified);
    expect(changes).toEqual(["b", "c"]);
    expect(stderr).toBe("enchanted: not observed, as Git cannot take it: nested, d/e\n");
  });

  it("is not observed where the user's own rules hide it", async () => {
    git("init", "-q");
    const home = await mkdtemp(join(tmpdir(), "home-"));
    await writeFile(join(home, "ignored"), "*.secret\n");
    await mkdir(join(home, ".config/git"), { recursive: true });
    await writeFile(join(home, ".config/git/ignore"), "*.local\n");
    const script = "echo a > a.secret; echo b > b.local; echo c > c.txt";
    const changed = async (env: Record<string, string>): Promise<unknown[]> => {
      const file = `${Object.keys(env).length}.jsonl`;
      const command = [enchanted, "run", "--file", file, "--", "bash", "-c", script];
      await stage.start(command, { env: { HOME: home, XDG_CONFIG_HOME: "", ...env } }).ended;
      git("clean", "-fdxq", "-e", "*.jsonl");
      return payloads(await stage.lines(file), "STATE_CHANGE").map(({ file_modified }) => file_modified);
    };
    expect(await changed({})).toEqual(["a.secret", "c.txt"]);
    await writeFile(join(home, ".gitconfig"), `[core]\n\texcludesFile = ~/ignored\n`);
    expect(await changed({ ANOTHER: "1" })).toEqual(["b.local", "c.txt"]);
    await rm(home, { recursive: true });
  });

  it("is observed but for the files of which it tells itself, and not where nobody wants it", async () => {
    git("init", "-q");
    const tell = (member: string): string => `echo '{"event_type":"STATE_CHANGE",${member}}' >&3`;
    const own = [tell('"file_modified":"x"'), tell('"payload":{"file_modified":"./d/z"}'), tell('"module":"auth"')];
    await stage.cli(["run", "--", "bash", "-c", `${own.join(";")}; mkdir d; echo x > x; echo y > d/y; echo z > d/z`]);
    await stage.cli(["run", "--no-observe", "--", "bash", "-c", "echo u > u"]);
    const changes = payloads(await stage.lines(), "STATE_CHANGE");
    expect(changes.slice(0, 3)).toEqual([{ file_modified: "x" }, { file_modified: "./d/z" }, { module: "auth" }]);
    expect(changes.slice(3).map(({ file_modified, batch }) => [file_modified, batch])).toEqual([
      ["d/y", { id: expect.any(String), index: 0, count: 1 }],
    ]);
  });

  it("is recorded from its calls of a model, which see its own key and the base URL set before", async () => {
    const seen: unknown[] = [];
    const server = createServer((request, answer) => {
      seen.push([request.url, request.headers.authorization]);
      request.resume();
      const usage = { prompt_tokens: 3, completion_tokens: 4 };
      answer.setHeader("content-type", "application/json");
      answer.end(JSON.stringify({ choices: [{ finish_reason: "stop", message: { content: "hi" } }], usage }));
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/base`;
    const body = JSON.stringify({ model: "m", messages: [{ role: "user", content: "x" }] });
    const script = `fetch(process.env.OPENAI_BASE_URL + "/chat/completions", { method: "POST", headers: { authorization: process.env.KEY }, body: process.argv[1] }).then(async (r) => console.log(r.status, (await r.json()).choices[0].message.content))`;
    const end = await stage.cli(["run", "--", process.execPath, "-e", script, body], {
      env: { OPENAI_BASE_URL: base, KEY: "Bearer mine" },
    });
    server.closeAllConnections();
    server.close();
    expect(end).toMatchObject({ code: 0, stdout: "200 hi\n" });
    expect(seen).toEqual([["/base/chat/completions", "Bearer mine"]]);
    const lines = await stage.lines();
    expect(payloads(lines, "MODEL_CALL")).toMatchObject([
      { provider: "OpenAICompatible", model: "m", input_tokens: 3, output_tokens: 4, stop_reason: "stop", status: 200 },
    ]);
    expect(JSON.stringify(lines)).not.toContain("Bearer mine");
  });
});

describe("the record in a work tree", () => {
  const git = (...args: string[]): string =>
    execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b", ...args], { cwd: stage.cwd, encoding: "utf8" });

  it("is no part of it: neither status, commit nor stash sees it", async () => {
    git("init", "-q");
    git("commit", "-q", "--allow-empty", "-m", "first");
    const script = `${say("a")}; echo x > x; git stash -uq; ${say("b")}; echo y > y; git add -A; git -c user.name=a -c user.email=a@b commit -qm y`;
    expect(await stage.cli(["run", "--file", "d [1]!.jsonl", "--", "bash", "-c", script])).toMatchObject({ code: 0 });
    expect(await stage.cli(["run", "--", "bash", "-c", say("c")])).toMatchObject({ code: 0, stderr: "" });
    expect(git("status", "--porcelain")).toBe("");
    expect(git("ls-files")).toBe("y\n");
    expect(payloads(await stage.lines("d [1]!.jsonl"), "THOUGHT")).toEqual([{ text: "a" }, { text: "b" }]);
    const rules = await readFile(join(stage.cwd, ".git/info/exclude"), "utf8");
    await stage.cli(["run", "--", "true"]);
    expect(await readFile(join(stage.cwd, ".git/info/exclude"), "utf8")).toBe(rules);
  });

  it("is missed aloud where somebody removes it", async () => {
    const { code, stderr } = await stage.cli(["run", "--", "bash", "-c", "rm swarm_context.jsonl; exit 3"]);
    expect({ code, stderr }).toEqual({
      code: 3,
      stderr: expect.stringMatching(
        /^enchanted: the record is gone: .*swarm_context\.jsonl was removed or replaced.*\n$/,
      ),
    });
  });
});

describe("a bad directory for temporary files", () => {
  it.each([
    ["that does not exist", "/nonexistent", "/nonexistent: the directory does not exist"],
    ["too deep for a socket", `/tmp/${"x".repeat(100)}`, "the path is too long for a socket in it"],
    ["that is a file", "/dev/null", "/dev/null: "],
  ])("%s keeps no program from running, and is said", async (_, TMPDIR, why) => {
    const before = await readdir("/tmp");
    const { code, stdout, stderr } = await stage.start(
      [enchanted, "run", "--", "bash", "-c", `${say("a")}; echo ran`],
      {
        env: { TMPDIR, XDG_RUNTIME_DIR: "/nonexistent" },
      },
    ).ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: "ran\n" });
    expect(stderr).toMatch(/^enchanted: [^\n]*; temporary files are in \/tmp\/enchanted-\w+; set TMPDIR to mend it\n$/);
    expect(stderr).toContain(why);
    expect(await thoughts()).toEqual(["a"]);
    const [, made = ""] = /in \/tmp\/(\S+);/.exec(stderr) ?? [];
    expect(before).not.toContain(made);
    expect(await readdir("/tmp")).not.toContain(made);
  });
});
