import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "nats";
import { spansStream } from "#nervous-system/schemas/subjects.ts";
import { ensurePythonEnvironment } from "#platform/tools/python-environment.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { countFrames, createCleanup } from "#test/integration/pipeline/bus-harness.ts";
import { agentUid, chainBuilder } from "#test/integration/pipeline/chain-builder.ts";
import { enchanted, payloads, setCliStage, type CliStage, type Ended, type Started, say } from "./cli-stage.ts";
import { framesIn, openShell, proofOf, setServerStage, type ServerStage, type Shell } from "./server-stage.ts";

jest.setTimeout(180_000);

const cleanup = createCleanup();
let server: ServerStage;
let stage: CliStage;
let ann: Shell;

beforeAll(async () => {
  server = await setServerStage(cleanup);
}, 600_000);
afterAll(() => cleanup.run(), 60_000);
beforeEach(async () => {
  server.gate.open();
  stage = await setCliStage();
  ann = await openShell(stage, server, server.tokens.ann);
});
afterEach(() => stage.remove());

const run = (script: string, { env }: Shell, options: readonly string[] = []): Promise<Ended> =>
  stage.cli(["run", "--no-observe", ...options, "--", "bash", "-c", script], { env });
/** Says one thing after the other over the socket, and writes down what was acknowledged. */
const asking = [
  "import os, socket",
  "s = socket.socket(socket.AF_UNIX)",
  's.connect(os.environ["ENCHANTED_SOCKET"])',
  'answers = s.makefile("r")',
  'heard = open("heard", "a", buffering=1)',
  "while True:",
  `    s.sendall(b'{"event_type":"THOUGHT","text":"x"}\\n')`,
  "    answer = answers.readline()",
  "    if not answer: break",
  "    heard.write(answer)",
].join("\n");

/** Starts a run that says `a`, waits until it is let go, and runs a script. */
const startHeld = (script: string, options: readonly string[] = []): Started =>
  stage.start(
    [
      enchanted,
      "run",
      "--quiet",
      "--no-observe",
      ...options,
      "--",
      "bash",
      "-c",
      `${say("a")}; while [ ! -e go ]; do read -t 0.05 < <(:) || :; done; ${script}`,
    ],
    { env: ann.env },
  );
const letGo = (): Promise<void> => writeFile(join(stage.cwd, "go"), "");
/** Every frame of the file is in the stream, the same to the byte, and nothing else of its chain is. */
const expectStored = async (): Promise<string> => {
  const frames = await framesIn(stage);
  const uid = frames[0]?.envelope.agent_uid ?? "none";
  expect((await server.storedOf(uid)).map(proofOf)).toEqual(frames.map(proofOf));
  return uid;
};
const verified = async (): Promise<void> => {
  expect(await stage.cli(["verify"])).toMatchObject({ code: 0, stdout: expect.stringContaining("ok: ") });
};
const waiting = /^enchanted: (\d+) frame\(s\) are not at the collector: .*; they wait in .* for: enchanted push\n$/;

describe("a run with a collector", () => {
  it("leaves the same chain in the file and in the stream, and nothing in the outbox", async () => {
    const end = await run(`for i in $(seq 300); do ${say("x")}; done; echo out; echo err >&2; exit 3`, ann);
    expect(end).toMatchObject({ code: 3, stdout: "out\n", stderr: "err\n" });
    const uid = await expectStored();
    expect(uid[14]).toBe("7");
    const [first] = await server.storedOf(uid);
    expect(first).toMatchObject({
      principal: `system:serviceaccount:${server.namespace}:ann`,
      envelope: { mission: "_", namespace: server.namespace, recorder: "scribe", epoch: 1 },
    });
    expect(await framesIn(stage)).toHaveLength(302);
    expect(await ann.outbox()).toEqual([]);
    await verified();
  });

  it("is what the sink does too", async () => {
    const input = `{"event_type":"THOUGHT","text":"a"}\n{"event_type":"THOUGHT","text":"b"}\n`;
    expect(await stage.cli(["sink"], { input, env: ann.env })).toMatchObject({ code: 0, stdout: "", stderr: "" });
    await expectStored();
    expect(await framesIn(stage)).toHaveLength(2);
  });

  it("gets a GAP in the stream in the place of what an external client may not write", async () => {
    const script = `${say("a")}; echo '{"event_type":"PROPOSAL","payload":{}}' >&3; echo '{"event_type":"PLAN","tasks":[]}' >&3; ${say("b")}`;
    expect(await run(script, ann)).toMatchObject({ code: 0, stderr: "" });
    const frames = await framesIn(stage);
    const stored = await server.storedOf(frames[0]?.envelope.agent_uid ?? "");
    const types = ["LIFECYCLE", "THOUGHT", "PROPOSAL", "PLAN", "THOUGHT", "LIFECYCLE"];
    expect(frames.map(({ envelope }) => envelope.event_type)).toEqual(types);
    const inStream = types.map((type) => (type === "PROPOSAL" || type === "PLAN" ? "GAP" : type));
    expect(stored.map(({ envelope }) => envelope.event_type)).toEqual(inStream);
    expect(stored.map(({ hash }) => hash)).toEqual(frames.map(({ hash }) => hash));
  });

  it("keeps the token from the program, and secrets out of file and stream", async () => {
    const secret = ["ghp", "a1".repeat(18)].join("_");
    const { ENCHANTED_TOKEN_FILE: _file, ...env } = ann.env;
    const shell = { ...ann, env: { ...env, ENCHANTED_TOKEN: server.tokens.ann } };
    const end = await run(`echo "token: $ENCHANTED_TOKEN"; ${say(`${secret} order-77`)}`, shell, [
      "--redact",
      "order-([0-9]+)",
    ]);
    expect(end).toMatchObject({ code: 0, stdout: "token: \n", stderr: "" });
    await expectStored();
    expect(payloads(await stage.lines(), "THOUGHT")).toEqual([
      { text: "[redacted:github-token] order-[redacted:rule-1]" },
    ]);
  });
});

describe("without the collector", () => {
  it("a run is the same, says what waits, and push sends it", async () => {
    server.gate.shut();
    const end = await run(`${say("a")}; echo out; exit 4`, ann, ["--drain", "300"]);
    expect(end).toMatchObject({ code: 4, stdout: "out\n", stderr: expect.stringMatching(waiting) });
    expect(waiting.exec(end.stderr)?.[1]).toBe("3");
    const away = await stage.cli(["push", "--wait", "300"], { env: ann.env });
    expect(away).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^left {2}bash .*3 of 3 frame\(s\): .*cannot be reached/),
    });
    server.gate.open();
    const pushed = await stage.cli(["push", "--output", "json"], { env: ann.env });
    expect(pushed).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(pushed.stdout)).toMatchObject([{ agent: "bash", state: "stored", frames: 3, stored: 3 }]);
    await expectStored();
    expect(await ann.outbox()).toEqual([]);
    expect(await stage.cli(["push"], { env: ann.env })).toMatchObject({ code: 0, stdout: "nothing to send\n" });
  });

  it("for a while in the middle, a run loses nothing", async () => {
    const { ended } = startHeld(`for i in $(seq 50); do ${say("b")}; done; echo done`);
    const uid = async (): Promise<string> => (await framesIn(stage).catch(() => []))[0]?.envelope.agent_uid ?? "";
    await eventually("the first frames are stored", async () => (await server.storedOf(await uid())).length === 2);
    server.gate.shut();
    await letGo();
    await eventually("the rest is in the file", async () => (await framesIn(stage)).length > 50);
    server.gate.open();
    expect(await ended).toMatchObject({ code: 0, stdout: "done\n", stderr: "" });
    await expectStored();
  });

  it("what one run leaves, the next one sends beside its own", async () => {
    server.gate.shut();
    await run(say("a"), ann, ["--drain", "0", "--file", "first.jsonl"]);
    const first = await framesIn(stage, "first.jsonl");
    server.gate.open();
    const { ended } = startHeld("true");
    const uid = first[0]?.envelope.agent_uid ?? "";
    await eventually("the first run is stored", async () => (await server.storedOf(uid)).length === first.length);
    await letGo();
    expect(await ended).toMatchObject({ code: 0, stderr: "" });
    expect((await server.storedOf(uid)).map(proofOf)).toEqual(first.map(proofOf));
    await expectStored();
    expect(await ann.outbox()).toEqual([]);
  });

  it.each([
    ["", []],
    [" in another PID namespace", ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]],
  ])(
    "a run%s is pushed once it is killed, and every frame that it acknowledged is in both places",
    async (_, apart) => {
      server.gate.shut();
      const command = [...apart, enchanted, "run", "--no-observe", "--", "python3", "-c", asking];
      const { child, ended } = stage.start(command, { env: ann.env });
      const heard = async (): Promise<number> => (await stage.lines("heard").catch(() => [])).length;
      await eventually("frames are acknowledged", async () => (await heard()) > 20);
      const busy = await stage.cli(["push", "--wait", "300"], { env: ann.env });
      expect(busy.stdout).toMatch(/^busy {2}.*: it is still being recorded or sent by another process\n$/);
      child.kill("SIGKILL");
      await ended;
      server.gate.open();
      expect(await stage.cli(["push"], { env: ann.env })).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^sent /),
      });
      const frames = await framesIn(stage);
      const stored = await server.storedOf(frames[0]?.envelope.agent_uid ?? "");
      expect(stored.length).toBeGreaterThan(await heard()); // LIFECYCLE Started is none of the program's
      // The file holds all of them, and perhaps a last one more.
      expect(stored.map(proofOf)).toEqual(frames.slice(0, stored.length).map(proofOf));
      expect(await ann.outbox()).toEqual([]);
    },
  );

  it("a terminal shows what it shows without us, and one line behind it", async () => {
    server.gate.shut();
    const script = String.raw`printf '\033[31mred\033[0m\n'; read -p "name? " name; echo "hello $name"; exit 6`;
    const steps = [["name? ", "type", Buffer.from("ann\r").toString("hex")]];
    const terminal = async (command: readonly string[]): Promise<{ output: string; code: number }> => {
      const job = JSON.stringify({ command, cwd: stage.cwd, steps });
      const python = ["python3", resolve("test/integration/cli/under_terminal.py"), job];
      return JSON.parse((await stage.start(python, { env: ann.env }).ended).stdout) as { output: string; code: number };
    };
    const plain = await terminal(["bash", "-c", script]);
    const quick = await terminal([
      enchanted,
      "run",
      "--quiet",
      "--no-observe",
      "--drain",
      "0",
      "--",
      "bash",
      "-c",
      script,
    ]);
    expect(quick.code).toBe(6);
    expect(quick.output.slice(0, plain.output.length)).toBe(plain.output);
    expect(quick.output.slice(plain.output.length)).toMatch(/^enchanted: 2 frame\(s\) [^\r\n]*enchanted push\r\n$/);
    const slow = await terminal([
      enchanted,
      "run",
      "--quiet",
      "--no-observe",
      "--drain",
      "2500",
      "--",
      "bash",
      "-c",
      script,
    ]);
    expect(slow.output.slice(0, plain.output.length)).toBe(plain.output);
    // Each line of progress takes the place of the one before.
    const [, ...lines] = slow.output.split("\r\u001B[K");
    expect(lines).toContainEqual(expect.stringMatching(/^enchanted: 0 of 2 frames sent; Ctrl-C [^\r\n]*$/));
    expect(lines.at(-1)).toMatch(/^enchanted: 2 frame/);
  });
});

describe("who may not", () => {
  it.each([
    [
      "a token that nobody gave",
      "not-a-token",
      /does not accept the token .* kubectl create token default --namespace .* --audience enchanted-collector > /,
    ],
    ["a user without the right", "eve", /the collector refuses: .*missions\/record/],
  ])("%s costs the program nothing, and the user hears what to do", async (_name, token, message) => {
    await writeFile(ann.tokenFile, token === "eve" ? server.tokens.eve : token);
    const end = await run(`${say("a")}; exit 5`, ann, ["--drain", "60000"]);
    expect(end).toMatchObject({ code: 5, stderr: expect.stringMatching(message) });
    expect(await stage.cli(["push", "--wait", "60000"], { env: ann.env })).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(message),
    });
    await writeFile(ann.tokenFile, server.tokens.ann);
    expect(await stage.cli(["push"], { env: ann.env })).toMatchObject({ code: 0 });
    await expectStored();
  });

  it("what is refused for good fails every push until it is dropped by its name, and stays in its file", async () => {
    await writeFile(ann.tokenFile, server.tokens.eve);
    for (const file of ["one.jsonl", "two.jsonl"]) await run(say("a"), ann, ["--drain", "60000", "--file", file]);
    const uidIn = async (file: string) => (await framesIn(stage, file))[0]?.envelope.agent_uid ?? "";
    const [one, two] = [await uidIn("one.jsonl"), await uidIn("two.jsonl")];
    const refused = await stage.cli(["push"], { env: ann.env });
    for (const uid of [one, two]) expect(refused.stdout).toContain(`; to drop it: enchanted push --drop ${uid}\n`);
    const record = await readFile(join(stage.cwd, "one.jsonl"));
    expect(await stage.cli(["push", "--drop", one], { env: ann.env })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        `^dropped  bash ${one} in namespace ${server.namespace}: 3 of 3 frame\\(s\\): the collector refuses: .*missions/record.*\n$`,
      ),
    });
    expect(await readFile(join(stage.cwd, "one.jsonl"))).toEqual(record);
    expect(await ann.outbox()).toEqual([two]);
    const again = await stage.cli(["push", "--drop", one], { env: ann.env });
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining(`there is no run ${one} in the outbox`) });
    // What the collector takes now is not dropped.
    await writeFile(ann.tokenFile, server.tokens.ann);
    expect(await stage.cli(["push", "--drop", two], { env: ann.env })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching("^sent "),
    });
    expect(await server.storedOf(two)).toHaveLength(3);
  });

  it("what waits for a collector that is no more is dropped without one, unless it is being recorded", async () => {
    server.gate.shut();
    const { ended } = startHeld("true", ["--drain", "0"]);
    // A run that records is in the outbox whole.
    await eventually("the run records", async () => (await framesIn(stage).catch(() => [])).length > 0);
    const [uid = ""] = await ann.outbox();
    const { ENCHANTED_COLLECTOR: address, ...env } = ann.env;
    const drop = () => stage.cli(["push", "--drop", uid], { env });
    expect(await drop()).toMatchObject({ code: 1, stdout: expect.stringMatching("^busy ") });
    await letGo();
    await ended;
    expect(await drop()).toMatchObject({
      code: 0,
      stdout: `dropped  bash ${uid} in namespace ${server.namespace}: 3 of 3 frame(s): it was recorded for the collector ${address}; the record file stays as it is\n`,
    });
    expect(await ann.outbox()).toEqual([]);
  });

  it("another user cannot go on with a chain, nor read its end", async () => {
    const { ended } = startHeld("true", ["--drain", "0"]);
    const uid = async (): Promise<string> => (await framesIn(stage).catch(() => []))[0]?.envelope.agent_uid ?? "";
    await eventually("the first frames are stored", async () => (await server.storedOf(await uid())).length === 2);
    server.gate.shut();
    await letGo();
    expect(await ended).toMatchObject({ code: 0, stderr: expect.stringMatching(waiting) });
    server.gate.open();
    await writeFile(ann.tokenFile, server.tokens.bob);
    const refused = await stage.cli(["push"], { env: ann.env });
    expect(refused).toMatchObject({ code: 1, stdout: expect.stringContaining("another user wrote it first") });
    expect(await server.storedOf(await uid())).toHaveLength(2);
    await writeFile(ann.tokenFile, server.tokens.ann);
    expect(await stage.cli(["push"], { env: ann.env })).toMatchObject({ code: 0 });
    await expectStored();
  });
});

describe("OpenTelemetry", () => {
  it.each(["http", "grpc"])(
    "over %s, without an endpoint in the program, is recorded once and passed on as spans",
    async (protocol) => {
      const python = await ensurePythonEnvironment();
      const agent = resolve("test/integration/pipeline/agent_with_otlp.py");
      const connection = await connect({ servers: server.nats.url });
      const manager = await jetstreamManager(connection);
      const count = async (): Promise<number> => (await manager.streams.info(spansStream)).state.last_seq;
      const [spans, frames] = [await count(), await countFrames(server.collector.bus)];
      const end = await stage.cli(["run", "--no-observe", "--", python, agent, protocol], { env: ann.env });
      expect(end).toMatchObject({ code: 0, stderr: "" });
      await expectStored();
      const lines = await stage.lines();
      expect(payloads(lines, "DECISION_RATIONALE")).toMatchObject([{ selected_strategy: "dependency_injection" }]);
      expect(payloads(lines, "STATE_CHANGE")).toMatchObject([{ file_modified: "src/auth/login.py" }]);
      expect(await countFrames(server.collector.bus)).toBe(frames + lines.length); // spans made no frames a second time
      await eventually("the spans are in their stream", async () => (await count()) > spans);
      await connection.close();
    },
  );
});

describe("doctor", () => {
  const findings = async (
    args: readonly string[] = [],
  ): Promise<Array<{ check: string; ok: boolean; remedy?: string }>> =>
    JSON.parse((await stage.cli(["doctor", "--output", "json", ...args], { env: ann.env })).stdout) as never;

  it("finds nothing wrong with a collector that takes frames", async () => {
    const found = await findings();
    // Behind this one there is neither.
    expect(found.filter(({ ok }) => !ok).map(({ check }) => check)).toEqual(["siphon", "auditor"]);
    expect(found.map(({ check }) => check)).toEqual(
      expect.arrayContaining(["collector", "TLS", "clock", "token", "right", "stream", "ledger", "letters", "outbox"]),
    );
  });

  it("warns of a stream that fills up", async () => {
    await server.collector.bus.publisher.publish(chainBuilder({ agent_uid: agentUid(1) }).take(50));
    const { bytes } = await server.collector.bus.streamState();
    const found = async (maxBytes?: number): Promise<unknown> => {
      await server.collector.bus.ensureStreams({ replicas: 1, maxBytes });
      return (await findings()).filter(({ check }) => check === "stream");
    };
    expect(await found(2 * bytes)).toMatchObject([
      { ok: true, detail: expect.stringMatching(/ GiB of .* \((49|50) %\)/) },
    ]);
    const remedy = expect.stringContaining("docs/runbooks/stream-fills-up.md");
    expect(await found(Math.ceil(bytes / 0.76))).toMatchObject([{ ok: false, remedy }]);
    expect(await found()).toMatchObject([{ ok: true, detail: expect.stringContaining("its server's storage") }]);
  });

  it("says what to do for each thing that is wrong", async () => {
    const failing = async (args: readonly string[]): Promise<unknown> => (await findings(args)).filter(({ ok }) => !ok);
    const other = join(stage.cwd, "other.crt");
    const made = [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-keyout",
      "/dev/null",
      "-out",
      other,
      "-subj",
      "/CN=other",
      "-days",
      "1",
    ];
    execFileSync("openssl", made, { stdio: "ignore" });
    const wrong = (check: string, remedy: RegExp): unknown => [
      expect.objectContaining({ check, remedy: expect.stringMatching(remedy) }),
    ];
    expect(await failing(["--collector", "no-such-host.invalid:4317"])).toEqual(wrong("collector", /--collector/));
    expect(await failing(["--server-name", "another"])).toEqual(wrong("TLS", /--server-name/));
    expect(await failing(["--ca-file", other])).toEqual(wrong("TLS", /--ca-file/));
    await writeFile(ann.tokenFile, "not-a-token");
    expect(await failing([])).toEqual(
      wrong("token", /kubectl create token default --namespace .* --audience enchanted-collector/),
    );
    await writeFile(ann.tokenFile, server.tokens.eve);
    expect(await failing([])).toEqual(wrong("right", /kubectl create rolebinding .* --clusterrole enchanted-record /));
    server.gate.shut();
    expect(await failing([])).toEqual(wrong("TLS", /port-forward/));
  });
});
