import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { appendFile, copyFile, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { enchanted, payloads, setCliStage, type CliStage } from "./cli-stage.ts";

jest.setTimeout(120_000);

const golden = resolve("test/integration/cli/golden/console-spans.jsonl");
let stage: CliStage;
beforeEach(async () => {
  stage = await setCliStage();
});
afterEach(() => stage.remove());

const record = (script: string): Promise<unknown> => stage.cli(["run", "--no-observe", "--", "bash", "-c", script]);
const place = (): string => join(stage.cwd, "swarm_context.jsonl");

describe("the file of the brief's unmodified script", () => {
  it("is read by tail, and verify says that it cannot judge it", async () => {
    await copyFile(golden, place());
    const { stdout } = await stage.cli(["tail"]);
    expect(stdout).toMatch(/DECISION_RATIONALE +Detected circular dependency in auth_module\./);
    expect(stdout).toMatch(/STATE_CHANGE +changed src\/auth\/login\.py \+15 -4/);
    expect(await stage.cli(["verify"])).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("not verified: 1 OpenTelemetry span"),
    });
  });

  it("gets a chain through the sink", async () => {
    const input = await readFile(golden, "utf8");
    expect(await stage.cli(["sink"], { input })).toMatchObject({ code: 0, stdout: "", stderr: "" });
    const lines = await stage.lines();
    expect(payloads(lines, "DECISION_RATIONALE")).toMatchObject([
      { confidence_score: 0.98, selected_strategy: "dependency_injection" },
    ]);
    expect(payloads(lines, "STATE_CHANGE")).toMatchObject([{ file_modified: "src/auth/login.py", lines_added: 15 }]);
    expect(await stage.cli(["verify"])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("ok: 3 frames in 1 chain"),
    });
  });
});

describe("verify", () => {
  it("names the first frame that was changed, taken out, or moved", async () => {
    await record(`for i in 1 2 3; do echo '{"event_type":"THOUGHT","text":"abc"}' >&3; done`);
    const text = await readFile(place(), "utf8");
    const lines = text.trimEnd().split("\n");
    const tampered: ReadonlyArray<readonly [string, RegExp]> = [
      [text.replace('"abc"', '"abd"'), /:2: .*seq 2: hash does not fit/],
      [[lines[0], ...lines.slice(2), ""].join("\n"), /:2: .*seq 3: expected seq 2/],
      [[lines[0], lines[2], lines[1], ...lines.slice(3), ""].join("\n"), /:2: .*expected seq 2/],
      [text.replace('"text":"abc"', '"text":"ab"c"'), /:2: half a line.*\nFAULT: .*:3: .*expected seq 2/],
    ];
    for (const [changed, fault] of tampered) {
      await writeFile(place(), changed);
      expect(await stage.cli(["verify"])).toMatchObject({ code: 1, stdout: expect.stringMatching(fault) });
    }
  });

  it("takes half a line for one that had no room, wherever it was cut, and a changed one for a fault", async () => {
    await record("true");
    const [first = ""] = (await readFile(place(), "utf8")).split("\n");
    const inside = first.indexOf('"envelope"');
    for (const cut of [30, inside, inside + 3, first.indexOf('"prev_hash"') + 20, first.length - 1]) {
      await writeFile(place(), `${first.slice(0, cut)}\n`);
      await record("true");
      const { code, stdout } = await stage.cli(["verify", "--output", "json"]);
      expect({ cut, code, ...(JSON.parse(stdout) as object) }).toMatchObject({ cut, code: 0, torn: [{ line: 1 }] });
    }
    await writeFile(place(), `${first.replace(/"hash":"../, '"hash":"zz')}\n`);
    expect((await stage.cli(["verify"])).code).toBe(1);
  });

  it("reads on behind half a line that a killed writer left", async () => {
    await record("true");
    const [first = ""] = (await readFile(place(), "utf8")).split("\n");
    await appendFile(place(), first.slice(0, 100));
    await record("true");
    const { code, stdout } = await stage.cli(["verify", "--output", "json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, frames: 4, torn: [{ line: 3 }] });
  });
});

describe("sink, tail and the rest", () => {
  it("the brief's shell line records FD 3 beside the terminal", async () => {
    const event = '{"event": "STATE_CHANGE", "module": "auth", "status": "analyzing"}';
    const script = `bash -c 'echo shown; echo "$0" >&3' '${event}' 3> >("${enchanted}" sink; echo done)`;
    const { stdout } = await stage.start(["bash", "-c", script]).ended;
    expect(stdout).toBe("shown\ndone\n");
    expect(payloads(await stage.lines(), "STATE_CHANGE")).toEqual([{ module: "auth", status: "analyzing" }]);
  });

  it("tail filters, prints JSON, and keeps a payload's control characters from the terminal", async () => {
    const evil = String.raw`{"event_type":"THOUGHT","text":"a\u001b[2Jb"}`;
    await record(`echo '${evil}' >&3`);
    const text = await stage.cli(["tail", "--type", "THOUGHT"]);
    expect(text.stdout).toMatch(/THOUGHT +a�\[2Jb\n$/);
    expect(text.stdout).not.toContain("\u001B");
    const { stdout } = await stage.cli(["tail", "--type", "THOUGHT", "--output", "json"]);
    expect(JSON.parse(stdout)).toMatchObject({ event_type: "THOUGHT", payload: { text: "a\u001B[2Jb" } });
  });

  it("tail prints every digit of a whole number", async () => {
    const frame = '{"event_type":"ACTION","tool":"like","arguments":{"id":1875924584784080993},"ok":true}';
    await record(`echo '${frame}' >&3; echo '{"event_type":"LIKED","id":-1875924584784080994}' >&3`);
    const text = await stage.cli(["tail"]);
    expect(text.stdout).toMatch(/ACTION +like \{"id":1875924584784080993\}/);
    expect(text.stdout).toMatch(/LIKED +\{"id":-1875924584784080994\}/);
    const { stdout } = await stage.cli(["tail", "--type", "ACTION", "--output", "json"]);
    expect(stdout).toContain('"arguments":{"id":1875924584784080993}');
  });

  it("tail stays readable where the program pours out spans of its own", async () => {
    const span = (at: number, name: string) => ({
      traceId: "ab".repeat(16),
      spanId: at.toString(16).padStart(16, "0"),
      name,
      startTimeUnixNano: "1",
      endTimeUnixNano: "2",
    });
    const spans = Array.from({ length: 2000 }, (_, at) => span(at + 1, at % 4 === 0 ? "db.query" : "GET /"));
    const body = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] });
    await writeFile(join(stage.cwd, "spans.json"), body);
    const send = `fetch(process.env.OTEL_EXPORTER_OTLP_ENDPOINT + "/v1/traces", { method: "POST", headers: { "content-type": "application/json" }, body: require("fs").readFileSync("spans.json") })`;
    await writeFile(join(stage.cwd, "send.js"), send);
    await record(`echo '{"event_type":"THOUGHT","text":"a"}' >&3; "${process.execPath}" send.js`);
    const linesOf = async (...args: string[]): Promise<string[]> =>
      (await stage.cli(["tail", ...args])).stdout.trim().split("\n");
    const folded = await linesOf();
    expect(folded.filter((line) => line.includes("(telemetry)"))).toEqual([
      expect.stringMatching(/2000 spans and logs: 1500 GET, 500 DB_QUERY$/),
    ]);
    expect(folded.length).toBeLessThan(6);
    expect(await linesOf("--otlp", "all")).toHaveLength(folded.length + 1999);
    expect(await linesOf("--otlp", "none")).toHaveLength(folded.length - 1);
    expect(await linesOf("--output", "json")).toHaveLength(folded.length + 1999);
    expect(await linesOf("--type", "DB_QUERY")).toHaveLength(500);
    expect(await stage.cli(["tail", "--type", "GET", "--otlp", "none"])).toMatchObject({
      stdout: "",
      stderr: expect.stringContaining("holds only telemetry, 1500 frames, which --otlp none leaves out"),
    });
    expect((await stage.cli(["tail", "--output", "json", "--otlp", "fold"])).code).toBe(2);
  });

  it("tail says which types there are where none is the one that was asked for", async () => {
    await stage.cli(["sink"], {
      input: '{"event_type":"THOUGHT","payload":{"text":"a"}}\n{"event_type":"CHAT"}\n',
    });
    const { code, stdout, stderr } = await stage.cli(["tail", "--type", "THOUGH"]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    expect(stderr).toBe("enchanted: swarm_context.jsonl has no frame of type THOUGH; it has CHAT, THOUGHT\n");
  });

  it("appends to nothing but records, and says where there is no frame", async () => {
    await writeFile(place(), "my notes\n");
    expect(await stage.cli(["run", "--", "true"])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/holds something else than a record; name another one with --file/),
    });
    expect(await readFile(place(), "utf8")).toBe("my notes\n");
    expect(await stage.cli(["tail"])).toMatchObject({
      code: 0,
      stderr: "enchanted: swarm_context.jsonl holds no frame\n",
    });
    expect((await stage.cli(["help", "run"])).stdout).toBe((await stage.cli(["run", "--help"])).stdout);
  });

  it.each(["tail", "verify", "doctor", "--help", "completion bash"])(
    "%s fails where its output takes nothing",
    async (line) => {
      await stage.cli(["sink"], { input: '{"event_type":"THOUGHT","payload":{"text":"a"}}\n' });
      const { code, stderr } = await stage.start(["sh", "-c", `"${enchanted}" ${line} > /dev/full`]).ended;
      expect({ code, stderr }).toEqual({
        code: 125,
        stderr: "enchanted: standard output cannot be written: no space is left\n",
      });
    },
  );

  it("tail --follow shows what is appended, until it is interrupted", async () => {
    await record("true");
    const following = stage.start([enchanted, "tail", "--follow", "--type", "THOUGHT"]);
    const shown = new Promise((resolve) => following.child.stdout?.once("data", resolve));
    await record(`echo '{"event_type":"THOUGHT","text":"new"}' >&3`);
    await shown;
    following.child.kill("SIGINT");
    expect(await following.ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/THOUGHT +new/) });
  });

  it("doctor finds nothing wrong here, and names what is", async () => {
    expect(await stage.cli(["doctor"])).toMatchObject({ code: 0 });
    const { code, stdout } = await stage.cli(["doctor", "--file", "none/x", "--output", "json"]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toContainEqual(expect.objectContaining({ check: "directory", ok: false }));
  });

  it.each([
    ["lies below a file", "token"],
    ["lies where nothing can be made", "/proc/enchanted"],
  ])("a run whose outbox cannot be made, since it %s, says so, and is recorded in its file", async (_, place) => {
    await writeFile(join(stage.cwd, "token"), "t");
    const env = {
      XDG_STATE_HOME: resolve(stage.cwd, place),
      ENCHANTED_COLLECTOR: "localhost:1",
      ENCHANTED_NAMESPACE: "a",
    };
    const end = await stage.cli(["run", "--token-file", "token", "--", "true"], { env });
    expect(end).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^enchanted: nothing is sent: .*XDG_STATE_HOME/),
    });
    expect(await stage.lines()).toHaveLength(2);
  });

  it("push sends nothing to another collector than the one that a run was recorded for", async () => {
    await writeFile(join(stage.cwd, "token"), "t");
    const env = { XDG_STATE_HOME: stage.cwd, ENCHANTED_NAMESPACE: "a", ENCHANTED_TOKEN_FILE: "token" };
    await stage.cli(["run", "--drain", "0", "--collector", "127.0.0.1:1", "--", "true"], { env });
    const push = ["push", "--wait", "0", "--output", "json", "--collector", "127.0.0.1:2"];
    const kept = await stage.cli(push, { env });
    expect(kept.code).toBe(1);
    expect(JSON.parse(kept.stdout)).toMatchObject([{ state: "elsewhere", collector: "127.0.0.1:1" }]);
    const tried = await stage.cli([...push, "--all"], { env });
    expect(JSON.parse(tried.stdout)).toMatchObject([{ state: "left", frames: 2, stored: 0 }]);
  });

  it("secrets are kept out of the record unless they are wanted there", async () => {
    const secret = ["glpat", "b2".repeat(10)].join("-");
    const input = `${JSON.stringify({ event_type: "THOUGHT", text: secret })}\n`;
    await stage.cli(["sink"], { input });
    await stage.cli(["sink", "--no-redact"], { input });
    expect(payloads(await stage.lines(), "THOUGHT").map(({ text }) => text)).toEqual([
      "[redacted:gitlab-token]",
      secret,
    ]);
  });

  it("completes commands, options and values in bash", async () => {
    const complete = (words: string): string =>
      `COMP_WORDS=(${words}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _enchanted; echo "\${COMPREPLY[*]}"`;
    const script = `source <("${enchanted}" completion bash); ${complete("enchanted ve")}; ${complete("enchanted tail --fo")}; ${complete("enchanted tail --output j")}`;
    expect((await stage.start(["bash", "-c", script]).ended).stdout).toBe("verify\n--follow\njson\n");
  });

  it.each([
    [["run"], /say which program to run/],
    [["run", "--", ""], /say which program to run/],
    [["run", "--linger", "soon", "--", "true"], /--linger soon: give a whole number from 0 to 3600000/],
    [["run", "ls"], /put -- before the program: enchanted run -- ls/],
    [["tail", "--output", "xml"], /must be one of text, json/],
    [["verify", "--nope"], /unknown option '--nope'/],
    [["bogus"], /there is no command "bogus"; commands: run, sink/],
    [["run", "--collector", "localhost", "--", "true"], /--collector localhost: give host:port/],
    [["sink", "--collector", "localhost:1"], /say which with --namespace/],
    [
      ["doctor", "--collector", "localhost:1", "--namespace", "a"],
      /name it with --token-file: kubectl create token default --namespace a --audience enchanted-collector/,
    ],
    [["push"], /say which collector to send to with --collector host:port, or ENCHANTED_COLLECTOR/],
    [["push", "--wait", "soon", "--collector", "a:1", "--namespace", "a", "--token-file", "/dev/null"], /is empty/],
    [["run", "--drain", "soon", "--", "true"], /--drain soon: give a whole number/],
    [["run", "--redact", "(", "--", "true"], /--redact: redaction rule "rule-1" is not RE2/],
    [["run", "--redact", ".*", "--", "true"], /matches the empty text/],
    [["sink", "--redact", "a", "--no-redact"], /--redact and --no-redact: give one of them/],
    [["verify", "--file", "none"], /none cannot be read: the file does not exist/],
    [["verify", "--file", "/dev/null/none"], /none cannot be read: a part of the path is a file; record one/],
    [
      ["run", "--file", "none/x", "--", "true"],
      /cannot be opened: the directory does not exist; name another file with --file/,
    ],
  ])("says what is wrong with %j", async (args, message) => {
    expect(await stage.cli(args)).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(message) });
  });

  it("helps everywhere", async () => {
    for (const name of ["run", "sink", "push", "tail", "verify", "doctor", "completion"]) {
      const { code, stdout } = await stage.cli([name, "--help"]);
      expect({ code, stdout }).toEqual({
        code: 0,
        stdout: expect.stringMatching(/Usage: [^]*Examples:[^]*Exit codes:/),
      });
    }
    expect((await stage.cli(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
