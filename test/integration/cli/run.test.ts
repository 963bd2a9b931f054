import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { once } from "node:events";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { ensurePythonEnvironment } from "#platform/tools/python-environment.ts";
import { enchanted, payloads, say, setCliStage, thoughts, verified, type CliStage, type Ended } from "./cli-stage.ts";

jest.setTimeout(120_000);

let stage: CliStage;
beforeEach(async () => {
  stage = await setCliStage();
});
afterEach(() => stage.remove());

describe("enchanted run", () => {
  it("gives FD 3, the socket and a trace, and touches neither stdin, stdout nor stderr", async () => {
    const program = `${say("one")}; cat; echo err >&2; test -S "$ENCHANTED_SOCKET" && echo "$TRACEPARENT"`;
    const trace = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
    const { code, stdout, stderr } = await stage.cli(["run", "--", "bash", "-c", program], {
      input: "in\n",
      env: { TRACEPARENT: trace },
    });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `in\n${trace}\n`, stderr: "err\n" });
    expect(await thoughts(stage)).toEqual(["one"]);
    await verified(stage);
  });

  it.each([
    ["its exit code", "exit 7", 7, null],
    ["its signal", "kill -TERM $$", null, "SIGTERM"],
    ["SIGKILL", "kill -KILL $$", null, "SIGKILL"],
  ])("ends as the program ends: %s", async (_name, script, code, signal) => {
    expect(await stage.cli(["run", "--", "sh", "-c", script])).toMatchObject({ code, signal });
    await verified(stage);
  });

  it("says 127 and 126 where there is no program, or it is none", async () => {
    await writeFile(join(stage.cwd, "plain"), "x");
    expect(await stage.cli(["run", "--", "no-such-program"])).toMatchObject({ code: 127 });
    expect(await stage.cli(["run", "--", "./plain"])).toMatchObject({ code: 126 });
  });

  it("leaves to its program the signals that it was started to ignore, as nohup does", async () => {
    const program = `grep SigIgn /proc/$$/status; ${say("a")}; kill -HUP $PPID; kill -HUP $$; sleep 0.3; echo survived; exit 5`;
    const outer = `trap '' HUP INT PIPE; exec "${enchanted}" run --quiet -- sh -c '${program.replaceAll("'", String.raw`'\''`)}'`;
    const { code, stdout, stderr } = await stage.start(["sh", "-c", outer]).ended;
    expect({ code, stderr }).toEqual({ code: 5, stderr: "" });
    const mask = BigInt(`0x${/SigIgn:\s*(\S+)/.exec(stdout)?.[1]}`);
    expect(mask & 0b111n).toBe(0b011n);
    expect((mask >> 12n) & 1n).toBe(1n); // SIGPIPE, as Python has it
    expect(stdout).toMatch(/survived\n$/);
    expect(payloads(await stage.lines(), "LIFECYCLE").map(({ program: name }) => name)).toEqual(["sh", undefined]);
    await verified(stage);
  });

  it("leaves to its program a descriptor 3 that it was started with, and says so", async () => {
    const outer = `exec 3<<<mine; exec "${enchanted}" run -- bash -c 'cat <&3'`;
    const { code, stdout, stderr } = await stage.start(["bash", "-c", outer]).ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: "mine\n" });
    expect(stderr).toContain("enchanted: descriptor 3 was open already and stays the program's");
  });

  it("passes SIGTERM on and outlives it for as long as the program does", async () => {
    const script = `bye() { echo bye; ${say("bye")}; exit 9; }; trap bye TERM; echo ready; while :; do sleep 0.05; done`;
    const { child, ended } = stage.start([enchanted, "run", "--quiet", "--", "bash", "-c", script]);
    await once(child.stdout!, "data");
    child.kill("SIGTERM");
    expect(await ended).toMatchObject({ code: 9, stdout: "ready\nbye\n" });
    expect(await thoughts(stage)).toEqual(["bye"]);
  });

  it("survives a flood of 100,000 lines and a torn last one", async () => {
    const script = `import os\nf = os.fdopen(3, "w")\nfor i in range(100000): f.write('{"event_type":"THOUGHT","text":%d}\\n' % i)\nf.write('{"event_type":"THOU')`;
    expect(await stage.cli(["run", "--no-observe", "--", "python3", "-c", script])).toMatchObject({ code: 0 });
    const lines = await stage.lines();
    const texts = payloads(lines, "THOUGHT").map(({ text }) => text);
    expect(texts).toHaveLength(100_000);
    expect(texts.every((text, at) => text === at)).toBe(true);
    expect(payloads(lines, "ERROR")).toHaveLength(1);
    await verified(stage);
  });

  it("records writers that the program forks, and one that outlives it", async () => {
    const forks = `for i in 1 2 3 4; do (for j in $(seq 50); do ${say("w")}; done) & done; wait`;
    const late = `(sleep 0.3; ${say("late")}) >/dev/null 2>&1 & exit 0`;
    expect(await stage.cli(["run", "--linger", "20000", "--", "bash", "-c", `${forks}; ${late}`])).toMatchObject({
      code: 0,
    });
    const texts = await thoughts(stage);
    expect(texts.filter((text) => text === "w")).toHaveLength(200);
    expect(texts.at(-1)).toBe("late");
    await verified(stage);
  });

  it("hears, while it waits for what its program left behind, that nobody wants to", async () => {
    const script = `sleep 1000 >/dev/null 2>&1 & echo "$$ $!"; exit 4`;
    const { child, ended } = stage.start([
      enchanted,
      "run",
      "--quiet",
      "--linger",
      "3600000",
      "--",
      "bash",
      "-c",
      script,
    ]);
    const [printed] = (await once(child.stdout!, "data")) as [Buffer];
    const [program, left] = printed.toString().trim().split(" ");
    // Until the program is gone, the signal is the program's.
    const isThere = (): Promise<boolean> =>
      stat(`/proc/${program}`).then(
        () => true,
        () => false,
      );
    while (await isThere()) await new Promise(setImmediate);
    child.kill("SIGTERM");
    expect(await ended).toMatchObject({ code: 4 });
    process.kill(Number(left));
    await verified(stage);
  });

  it("leaves whole lines that verify when it is killed, and the next run goes on in the same file", async () => {
    const flood = `trap '' PIPE; while ${say("x")}; do :; done 2>/dev/null`;
    const { child, ended } = stage.start([enchanted, "run", "--quiet", "--no-observe", "--", "bash", "-c", flood]);
    const size = async (): Promise<number> =>
      (await readFile(join(stage.cwd, "swarm_context.jsonl")).catch(() => Buffer.alloc(0))).length;
    while ((await size()) < 20_000) await new Promise((wake) => setTimeout(wake, 20));
    child.kill("SIGKILL");
    await ended;
    await verified(stage);
    expect(await stage.cli(["run", "--no-observe", "--", "true"])).toMatchObject({ code: 0 });
    await verified(stage);
  });

  it("leaves nothing but the record: what a run that was killed left, the next one sweeps", async () => {
    await mkdir(join(stage.cwd, "tmp"));
    const env = { TMPDIR: join(stage.cwd, "tmp"), XDG_STATE_HOME: join(stage.cwd, "state") };
    const left = async (): Promise<number[]> => {
      const names = [readdir(join(stage.cwd, "tmp")), readdir(join(stage.cwd, "state/enchanted/runs"))];
      return (await Promise.all(names)).map(({ length }) => length);
    };
    const command = [enchanted, "run", "--no-observe", "--", "sh", "-c", "echo $$; exec sleep 1000"];
    const [killed, living] = [stage.start(command, { env }), stage.start(command, { env })];
    const programs = await Promise.all([killed, living].map(({ child }) => once(child.stdout!, "data")));
    killed.child.kill("SIGKILL");
    process.kill(Number(programs[0]));
    await killed.ended;
    expect(await left()).toEqual([2, 2]);
    await stage.cli(["run", "--no-observe", "--", "true"], { env });
    expect(await left()).toEqual([1, 1]);
    process.kill(Number(programs[1]));
    await living.ended;
    expect(await left()).toEqual([0, 0]);
  });

  it("lets two runs append to one file at once", async () => {
    const script = `for i in $(seq 300); do ${say("x")}; done`;
    const ends = await Promise.all([1, 2].map(() => stage.cli(["run", "--no-observe", "--", "bash", "-c", script])));
    expect(ends.map(({ code }) => code)).toEqual([0, 0]);
    expect(await thoughts(stage)).toHaveLength(600);
    const { stdout } = await stage.cli(["verify", "--output", "json"]);
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, torn: [] });
    expect((JSON.parse(stdout) as { chains: unknown[] }).chains).toHaveLength(2);
  });
});

describe("the last line", () => {
  const run = (args: readonly string[], script: string): Promise<Ended> =>
    stage.start([enchanted, "run", ...args, "--", "bash", "-c", script]).ended;
  const change = `echo '{"event_type":"STATE_CHANGE","file_modified":"a"}' >&3`;

  it("counts what was recorded, behind all that the program prints, and can be left out", async () => {
    const told = await run([], `${say("a")}; ${change}; ${change}; echo err >&2; exit 3`);
    expect(told).toMatchObject({
      code: 3,
      stdout: "",
      stderr: "err\nenchanted: no call of a model was seen, 2 changes, 5 frames in swarm_context.jsonl\n",
    });
    expect(await run(["--quiet"], "echo err >&2")).toMatchObject({ stderr: "err\n" });
  });

  it("says of what was not watched nothing but what the program told itself", async () => {
    const file = join(stage.cwd, "../elsewhere.jsonl");
    const blind = ["--no-models", "--no-observe", "--file", "../elsewhere.jsonl"];
    expect((await run(blind, ":")).stderr).toBe(`enchanted: 2 frames in ${file}\n`);
    expect((await run(blind, change)).stderr).toBe(`enchanted: 1 change, 3 frames in ${file}\n`);
    await rm(file);
  });
});

describe("what Node compiled", () => {
  it("is kept in the user's cache, for no one else, and hidden from the program", async () => {
    const env = { XDG_CACHE_HOME: join(stage.cwd, "cache") };
    const script = 'echo "$NODE_COMPILE_CACHE"';
    const end = await stage.cli(["run", "--", "sh", "-c", script], { env });
    expect(end).toMatchObject({ code: 0, stdout: "\n", stderr: "" });
    expect((await stat(join(stage.cwd, "cache/enchanted/node"))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(stage.cwd, "cache/enchanted/node"))).toHaveLength(1);
  });

  it.each(["/proc/enchanted", "/dev/null"])("is not kept where there is no room for it: %s", async (place) => {
    const end = await stage.cli(["--version"], { env: { XDG_CACHE_HOME: place } });
    expect(end).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d/), stderr: "" });
  });
});

describe("what the record shows", () => {
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
      await verified(stage);
    },
  );

  it("leaves traces where the user points them, with their protocol, and takes the rest", async () => {
    const script = ["sh", "-c", "env | grep ^OTEL_ | sort"];
    const env = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://mine:4317" };
    const { stdout } = await stage.cli(["run", "--", ...script], { env });
    expect(
      stdout
        .replaceAll(/127.0.0.1:\d+/g, "us")
        .trim()
        .split("\n"),
    ).toEqual([
      "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://us/v1/logs",
      "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL=http/protobuf",
      "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://us/v1/metrics",
      "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=http/protobuf",
      "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://mine:4317",
    ]);
  });

  it("stays where the user points it, or with --no-otlp where it was", async () => {
    const script = ["sh", "-c", 'echo "$OTEL_EXPORTER_OTLP_ENDPOINT"'];
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://mine:4318" };
    expect((await stage.cli(["run", "--", ...script], { env })).stdout).toBe("http://mine:4318\n");
    expect((await stage.cli(["run", "--no-otlp", "--", ...script])).stdout).toBe("\n");
    expect((await stage.cli(["run", "--", ...script])).stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+\n$/);
  });
});

describe("a call of a model", () => {
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

  it("leaves nothing in the record by which another could make one", async () => {
    const program = `echo '{"event_type":"THOUGHT","text":"'$OPENAI_BASE_URL'"}' >&3; echo $OPENAI_BASE_URL`;
    const { stdout } = await stage.cli(["run", "--", "bash", "-c", program]);
    const [secret = ""] = /[0-9a-f]{32}/.exec(stdout) ?? [];
    expect(stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{32}\/openai\/v1\n$/);
    expect(await thoughts(stage)).toEqual([stdout.trim().replace(secret, "[redacted:model-port]")]);
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
      [enchanted, "run", "--quiet", "--", "bash", "-c", `${say("a")}; echo ran`],
      {
        env: { TMPDIR, XDG_RUNTIME_DIR: "/nonexistent" },
      },
    ).ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: "ran\n" });
    expect(stderr).toMatch(/^enchanted: [^\n]*; temporary files are in \/tmp\/enchanted-\w+; set TMPDIR to mend it\n$/);
    expect(stderr).toContain(why);
    expect(await thoughts(stage)).toEqual(["a"]);
    const [, made = ""] = /in \/tmp\/(\S+);/.exec(stderr) ?? [];
    expect(before).not.toContain(made);
    expect(await readdir("/tmp")).not.toContain(made);
  });
});
