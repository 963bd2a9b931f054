import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { randomBytes } from "node:crypto";
import { appendFile, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { importedUid } from "#cli/import/chain-uid.ts";
import { holdRecord } from "#cli/import/hold-record.ts";
import { createCleanup } from "#test/integration/pipeline/bus-harness.ts";
import { payloads, say, setCliStage, verified, type CliStage, type Ended } from "./cli-stage.ts";
import { framesIn, openShell, setServerStage, type ServerStage, type Shell } from "./server-stage.ts";

jest.setTimeout(180_000);

let stage: CliStage;
beforeEach(async () => {
  stage = await setCliStage();
});
afterEach(() => stage.remove());

const at = (second: number): string => `2026-10-03T04:00:${String(second).padStart(2, "0")}.000Z`;
const line = (value: unknown): string => `${JSON.stringify(value)}\n`;
const item = (second: number, payload: unknown): string =>
  line({ timestamp: at(second), type: "response_item", payload });
const said = (second: number, role: string, text: string): string =>
  item(second, { type: "message", role, content: [{ type: "output_text", text }] });

const begin = line({ timestamp: at(0), type: "session_meta", payload: { id: "s-1", cwd: "/w" } });
const rollout = begin + said(1, "user", "what about the database schema?") + said(2, "assistant", "I look.");

const write = (name: string, text: string | Buffer): Promise<void> => writeFile(join(stage.cwd, name), text);
const importing = (...args: string[]): Promise<Ended> => stage.cli(["import", ...args]);
type Outcome = { frames: number; added: number; trouble?: string; unreadCount: number; kept: Record<string, number> };
const outcomes = async (...args: string[]): Promise<Outcome[]> =>
  JSON.parse((await importing("--output", "json", ...args)).stdout) as Outcome[];

describe("a session of another agent", () => {
  it("becomes a chain that verifies, observed when it says, and again adds nothing", async () => {
    await write("rollout.jsonl", rollout);
    expect(await importing("rollout.jsonl")).toEqual({
      code: 0,
      signal: null,
      stderr: "",
      stdout: "rollout.jsonl: codex s-1: 3 frame(s), 3 new in swarm_context.jsonl: 2 MESSAGE, 1 LIFECYCLE\n",
    });
    const before = await readFile(join(stage.cwd, "swarm_context.jsonl"), "utf8");
    await verified(stage);
    const frames = await framesIn(stage);
    expect(frames.map(({ envelope }) => BigInt(envelope.observed))).toEqual(
      [0, 1, 2].map((second) => BigInt(Date.parse(at(second))) * 1_000_000n),
    );
    expect(frames.map(({ envelope }) => envelope.flags)).toEqual([undefined, undefined, undefined]);
    expect(payloads(await stage.lines(), "MESSAGE")[0]).toMatchObject({
      from: "user",
      text: "what about the database schema?",
      imported: { from: "codex", session: "s-1" },
    });
    expect(await outcomes("rollout.jsonl")).toMatchObject([{ frames: 3, added: 0 }]);
    expect(await readFile(join(stage.cwd, "swarm_context.jsonl"), "utf8")).toBe(before);
  });

  it("that its file holds three times is counted once, where its entries have ids", async () => {
    const entry = (uuid: string, content: string): string =>
      line({ type: "user", uuid, sessionId: "s-2", timestamp: at(0), message: { role: "user", content } });
    await write("thrice.jsonl", (entry("u-1", "one") + entry("u-2", "two")).repeat(3));
    expect(await outcomes("thrice.jsonl")).toMatchObject([{ frames: 2, added: 2, known: 0, leftOut: { repeated: 4 } }]);
    await verified(stage);
    expect(await framesIn(stage)).toHaveLength(2);
    expect(await outcomes("thrice.jsonl")).toMatchObject([{ frames: 2, added: 0, known: 2 }]);
  });

  it("is told of without what a terminal obeys", async () => {
    const session = "s\u001b]0;x\u0007\u009b2J\u202e";
    const file = "evil.jsonl";
    const user = {
      type: "user",
      uuid: "u",
      sessionId: session,
      timestamp: at(0),
      message: { role: "user", content: "" },
    };
    await write(file, line(user) + line({ ...user, type: "odd\u001b[31m\u2066" }) + line("\u001b[2J").slice(1));
    const told = await importing(file);
    expect(told.stdout).toContain("claude-code s\ufffd]0;x\ufffd\ufffd2J\ufffd: ");
    expect(told.stdout).toContain("1 odd\ufffd[31m\ufffd");
    const json = await importing("--output", "json", file);
    expect(JSON.parse(json.stdout)).toMatchObject([{ session, kept: { "odd\u001b[31m\u2066": 1 } }]);
    for (const { stdout, stderr } of [told, json]) expect(stdout + stderr).not.toMatch(/[^\P{C}\n]/u);
  });

  it("goes on where it was when it has grown", async () => {
    await write("rollout.jsonl", rollout);
    await importing("rollout.jsonl");
    await appendFile(join(stage.cwd, "rollout.jsonl"), said(3, "assistant", "Done."));
    expect(await outcomes("rollout.jsonl")).toMatchObject([{ frames: 4, added: 1 }]);
    await verified(stage);
  });

  it("is written by one import at a time; another one names it, and writes nothing", async () => {
    await write("rollout.jsonl", rollout);
    await write("swarm_context.jsonl", "");
    const path = join(stage.cwd, "swarm_context.jsonl");
    const release = await holdRecord({ env: process.env, pid: process.pid }, path, await stat(path, { bigint: true }));
    const refused = await importing("rollout.jsonl");
    release();
    expect(refused).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringContaining(`is being written by another import, process ${process.pid}; import again`),
    });
    expect(await readFile(path, "utf8")).toBe("");
    expect(await outcomes("rollout.jsonl")).toMatchObject([{ frames: 3, added: 3 }]);
  });

  it("that reads otherwise now is left as it is, and named", async () => {
    await write("rollout.jsonl", rollout);
    await importing("rollout.jsonl");
    const before = await readFile(join(stage.cwd, "swarm_context.jsonl"), "utf8");
    await write("rollout.jsonl", rollout.replace("I look.", "I looked."));
    const { code, stdout } = await importing("rollout.jsonl");
    expect({ code, stdout }).toEqual({ code: 1, stdout: expect.stringContaining("reads otherwise now") });
    expect(await readFile(join(stage.cwd, "swarm_context.jsonl"), "utf8")).toBe(before);
  });

  it("has its secrets taken out, and its long texts cut", async () => {
    const token = ["gh", "p_", "a1B2".repeat(9)].join("");
    await write("rollout.jsonl", begin + said(1, "user", `use ${token}`) + said(2, "user", "long ".repeat(60_000)));
    expect(await outcomes("rollout.jsonl")).toMatchObject([{ frames: 3, added: 3 }]);
    const texts = payloads(await stage.lines(), "MESSAGE").map(({ text }) => String(text));
    expect(texts[0]).toMatch(/^use \[redacted:/);
    expect(texts[1]).toMatch(/… \(300000 characters\)$/);
    await verified(stage);
  });

  it("keeps its numbers as they are spelled, those in arguments that are a text too", async () => {
    const big = '{"user_id":1875924584784080993,"ratio":1.0,"list":[-0,1e3,0.10]}';
    const called = item(1, { type: "function_call", name: "get", arguments: big, call_id: "1" });
    const odd = `{"timestamp":"${at(2)}","type":"event_msg","payload":{"type":"odd","x":${big}}}\n`;
    const output = '{"output":"ok","metadata":{"exit_code":0.0,"duration_seconds":1.0}}';
    await write(
      "rollout.jsonl",
      begin + called + odd + item(3, { type: "function_call_output", call_id: "1", output }),
    );
    expect(await outcomes("rollout.jsonl")).toMatchObject([{ frames: 3, added: 3, unreadCount: 0 }]);
    const record = await readFile(join(stage.cwd, "swarm_context.jsonl"), "utf8");
    expect(record.split(big)).toHaveLength(3);
    expect(payloads(await stage.lines(), "ACTION")).toMatchObject([{ ok: true, duration_ms: 1000 }]);
    await verified(stage);
    expect(await outcomes("rollout.jsonl")).toMatchObject([{ frames: 3, added: 0 }]);
  });

  it("goes on behind an entry that cannot be read, which is kept", async () => {
    const deep = `${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}`;
    const odd = `{"timestamp":"${at(1)}","type":"event_msg","payload":{"type":"error","message":${deep}}}\n`;
    await write("rollout.jsonl", begin + odd + said(2, "assistant", "I look."));
    expect(await outcomes("rollout.jsonl")).toMatchObject([
      { frames: 3, added: 3, unreadCount: 0, kept: { "an entry that cannot be read": 1 } },
    ]);
    expect(payloads(await stage.lines(), "MESSAGE")).toMatchObject([{ text: "I look." }]);
    await verified(stage);
  });

  it("in a document of several lines is read, however it begins", async () => {
    const messages = [{ id: "1", type: "user", timestamp: at(0), content: "hello" }];
    const log = JSON.stringify({ sessionId: "s", projectHash: "p", startTime: at(0), messages }, undefined, 1);
    await write("mark.json", `\uFEFF${log}`);
    await write(
      "long.json",
      `{"sessionId":"t","projectHash":"p","x":"${"x".repeat(5000)}",\n"messages":${JSON.stringify(messages)}\n}`,
    );
    const told = { frames: 1, unreadCount: 0 };
    expect(await outcomes("mark.json", "long.json")).toMatchObject([told, told]);
  });

  it("keeps what is not understood, and names the lines that are no JSON", async () => {
    await write("rollout.jsonl", `${begin}no json\n${item(1, { type: "brand_new", x: { y: 1 } })}[1]\n{"torn":`);
    const { code, stdout } = await importing("rollout.jsonl");
    expect(code).toBe(1);
    expect(stdout.split("\n")).toEqual([
      "rollout.jsonl: codex s-1: 2 frame(s), 2 new in swarm_context.jsonl: 1 LIFECYCLE, 1 IMPORTED_ENTRY",
      "  not understood, kept as IMPORTED_ENTRY: 1 brand_new",
      "  rollout.jsonl:2: not read: the line is not JSON",
      "  rollout.jsonl:1: not read: it is no object of JSON",
      "  rollout.jsonl:5: not read: the line is not JSON",
      "",
    ]);
    expect(payloads(await stage.lines(), "IMPORTED_ENTRY")).toMatchObject([
      { what: "brand_new", entry: { type: "brand_new", x: { y: 1 } } },
    ]);
  });

  it("that is packed with zstd makes the same chain, as far as it can be read", async () => {
    const [first, second] = [rollout.slice(0, 200), rollout.slice(200)].map((text) => zstdCompressSync(text));
    const noise = zstdCompressSync(item(3, { type: "odd", x: randomBytes(2_000_000).toString("hex") }));
    await write("rollout.jsonl", rollout);
    await write("rollout.jsonl.zst", Buffer.concat([first!, second!]));
    await write("long.jsonl.zst", Buffer.concat([first!, second!, noise, noise]));
    expect(await outcomes("rollout.jsonl.zst", "rollout.jsonl", "long.jsonl.zst")).toMatchObject([
      { frames: 3, added: 3, unreadCount: 0 },
      { frames: 3, added: 0 },
      { frames: 5, added: 2, unreadCount: 0 },
    ]);
    await write("torn.zst", Buffer.concat([first!, second!.subarray(0, -5)]));
    expect(await importing("torn.zst")).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/torn\.zst:\d: not read: from here on the packed file cannot be read: /),
    });
  });

  it("in a database is not read; how to export it is told", async () => {
    await write("rollout.jsonl", rollout);
    await write("opencode.db", Buffer.from(`SQLite format 3\0${"\0".repeat(100)}`));
    expect(await outcomes("opencode.db", "rollout.jsonl")).toMatchObject([
      { trouble: expect.stringContaining("opencode export <session>") },
      { added: 3 },
    ]);
  });

  it("of OpenCode is gathered from its storage, or read from one document", async () => {
    const info = { id: "ses_1", projectID: "p", directory: "/w", time: { created: 1000, updated: 2000 } };
    const message = { id: "msg_1", role: "user", time: { created: 1000 } };
    const part = { id: "prt_1", type: "text", text: "hello" };
    for (const [path, value] of [
      ["session/p/ses_1.json", info],
      ["message/ses_1/msg_1.json", message],
      ["part/msg_1/prt_1.json", part],
    ] as const) {
      await mkdir(join(stage.cwd, "storage", path, ".."), { recursive: true });
      await write(`storage/${path}`, JSON.stringify(value, null, 2));
    }
    expect(await outcomes("storage/session/p/ses_1.json")).toMatchObject([{ frames: 2, added: 2 }]);
    await write("export.json", JSON.stringify({ info, messages: [{ info: message, parts: [part] }] }, null, 2));
    expect(await outcomes("export.json")).toMatchObject([{ frames: 2, added: 0 }]);
    await write("storage/part/msg_1/prt_2.json", "torn");
    expect(await outcomes("storage/session/p/ses_1.json")).toMatchObject([{ unreadCount: 1 }]);
  });

  it("stands beside others, one of which is none", async () => {
    await write("rollout.jsonl", rollout);
    await write("notes.txt", "no session\n");
    expect(await outcomes("notes.txt", "rollout.jsonl")).toMatchObject([
      { trouble: "it is neither a record nor a session of Codex, Claude Code, OpenCode or Gemini CLI" },
      { added: 3 },
    ]);
    expect(await importing("none.jsonl")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("none.jsonl cannot be read: the file does not exist"),
    });
    expect(await importing()).toMatchObject({ code: 2, stderr: expect.stringContaining("name one file or several") });
  });
});

describe("a record of the command line", () => {
  it("keeps its chains in another file, once", async () => {
    await stage.cli(["run", "--no-observe", "--", "bash", "-c", say("a")]);
    await stage.cli(["run", "--no-observe", "--", "bash", "-c", say("b")]);
    expect(await outcomes("swarm_context.jsonl", "--file", "all.jsonl")).toMatchObject([{ frames: 6, added: 6 }]);
    expect(await outcomes("swarm_context.jsonl", "--file", "all.jsonl")).toMatchObject([{ frames: 6, added: 0 }]);
    expect(await framesIn(stage, "all.jsonl")).toEqual(await framesIn(stage));
    expect(await outcomes("swarm_context.jsonl")).toMatchObject([{ frames: 6, added: 0 }]);
  });

  it("that its file holds three times is counted once", async () => {
    await write("rollout.jsonl", rollout);
    await importing("rollout.jsonl");
    const record = await readFile(join(stage.cwd, "swarm_context.jsonl"), "utf8");
    await write("thrice.jsonl", record.repeat(3));
    const into = ["--file", "other.jsonl", "thrice.jsonl"];
    expect(await outcomes(...into)).toMatchObject([{ frames: 3, added: 3, known: 0, leftOut: { repeated: 6 } }]);
    expect(await readFile(join(stage.cwd, "other.jsonl"), "utf8")).toBe(record);
    expect(await outcomes(...into)).toMatchObject([{ frames: 3, added: 0, known: 3 }]);
  });

  it("is taken but for the frames that somebody changed, which are named", async () => {
    await stage.cli(["run", "--no-observe", "--", "bash", "-c", say("true words")]);
    const record = await readFile(join(stage.cwd, "swarm_context.jsonl"), "utf8");
    await write("changed.jsonl", record.replace("true words", "false words"));
    expect(await importing("changed.jsonl", "--file", "all.jsonl")).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("the frame was changed: its hash does not fit the frame"),
    });
    expect(await readFile(join(stage.cwd, "all.jsonl"), "utf8")).not.toContain("false words");
  });

  it("is not taken under rules that cannot change it", async () => {
    await stage.cli(["run", "--no-observe", "--", "bash", "-c", say("customer-4711")]);
    const [outcome] = await outcomes("swarm_context.jsonl", "--file", "all.jsonl", "--redact", "customer-[0-9]+");
    expect(outcome).toMatchObject({
      frames: 0,
      added: 0,
      trouble: expect.stringContaining("--redact cannot change a record"),
    });
  });

  it("has lines without a hash, which are named", async () => {
    await write("plain.jsonl", line({ event_type: "THOUGHT", text: "a" }));
    expect(await importing("plain.jsonl")).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("plain.jsonl:1: not read: it has no hash"),
    });
  });
});

describe("what is imported to a collector", () => {
  const cleanup = createCleanup();
  let server: ServerStage;
  let ann: Shell;
  beforeAll(async () => {
    server = await setServerStage(cleanup);
  }, 600_000);
  afterAll(() => cleanup.run(), 60_000);
  beforeEach(async () => {
    server.gate.open();
    ann = await openShell(stage, server, server.tokens.ann);
  });

  const send = (...args: string[]): Promise<Ended> =>
    stage.cli(["import", "--drain", "60000", ...args], { env: ann.env });
  const storedTypes = async (uid: string): Promise<string[]> =>
    (await server.storedOf(uid)).map(({ envelope }) => envelope.event_type);

  it("is there once, however often it is sent, and goes on when it has grown", async () => {
    await write("rollout.jsonl", rollout);
    const place = `at the collector ${ann.env["ENCHANTED_COLLECTOR"]}`;
    const told = (counts: string): object => ({
      code: 0,
      stderr: "",
      stdout: expect.stringContaining(`frame(s), ${counts}: `),
    });
    expect(await send("rollout.jsonl")).toMatchObject(told(`3 new ${place}`));
    expect(await send("rollout.jsonl")).toMatchObject(told(`0 new ${place}, 3 known there`));
    await appendFile(join(stage.cwd, "rollout.jsonl"), said(3, "assistant", "Done."));
    expect(await send("rollout.jsonl")).toMatchObject(told(`1 new ${place}, 3 known there`));
    const { stdout } = await stage.cli(["import", "rollout.jsonl", "--output", "json"]); // into a file: another namespace
    expect(JSON.parse(stdout)).toMatchObject([{ added: 4 }]);
    const all = await server.storedOf(importedUid(server.namespace, "codex", "s-1"));
    expect(all.map(({ envelope }) => [envelope.seq, envelope.event_type])).toEqual([
      [1, "LIFECYCLE"],
      [2, "MESSAGE"],
      [3, "MESSAGE"],
      [4, "MESSAGE"],
    ]);
    expect(await ann.outbox()).toEqual([]);
  });

  it.each([
    ["by itself and then by its record", "s-5", ["rollout.jsonl", "local.jsonl"]],
    ["by its record and then by itself", "s-6", ["local.jsonl", "rollout.jsonl"]],
  ])("is one chain where a session comes %s, and goes on when it has grown", async (_, session, files) => {
    const key = `sk-ant-api03-${"Ab1_".repeat(24)}`;
    const whole =
      rollout.replaceAll("s-1", session) + said(3, "assistant", `key ${key}`) + item(4, { type: "odd", n: 1 });
    await write("rollout.jsonl", whole);
    await importing("--file", "local.jsonl", "rollout.jsonl");
    const place = `at the collector ${ann.env["ENCHANTED_COLLECTOR"]}`;
    const [first = "", second = ""] = files;
    expect(await send(first)).toMatchObject({ code: 0, stdout: expect.stringContaining(`5 frame(s), 5 new ${place}`) });
    expect(await send(second)).toMatchObject({ code: 0, stdout: expect.stringContaining(`0 new ${place}, 5 known`) });
    await appendFile(join(stage.cwd, "rollout.jsonl"), said(5, "assistant", "Done."));
    expect(await send("rollout.jsonl")).toMatchObject({ code: 0, stdout: expect.stringContaining(`1 new ${place}`) });
    const stored = await server.storedOf(importedUid(server.namespace, "codex", session));
    expect(stored.map(({ envelope }) => envelope.flags?.includes("withheld") === true)).toEqual([
      false,
      false,
      false,
      true,
      false,
      false,
    ]);
  });

  it("is refused where the collector takes nobody's word for it, and counted", async () => {
    const proposal = `echo '{"event_type":"PROPOSAL","title":"x"}' >&3`;
    const script = `${say("a")}; ${proposal}; ${say("b")}`;
    await stage.cli(["run", "--no-observe", "--file", "local.jsonl", "--", "bash", "-c", script]);
    const { code, stdout } = await send("local.jsonl", "--output", "json");
    expect(code).toBe(1);
    const [outcome] = JSON.parse(stdout) as unknown[];
    expect(outcome).toMatchObject({
      frames: 5,
      added: 4,
      known: 0,
      refused: 1,
      trouble: expect.stringMatching(/refused 1 frame\(s\): .*may not write PROPOSAL/),
    });
    expect(await ann.outbox()).toEqual([]);
  });

  it("that reads otherwise now is neither new nor known there", async () => {
    const other = rollout.replaceAll("s-1", "s-3");
    await write("rollout.jsonl", other);
    expect(await send("rollout.jsonl")).toMatchObject({ code: 0 });
    await write("rollout.jsonl", other.replace("I look.", "I looked."));
    const { code, stdout } = await stage.cli(["import", "rollout.jsonl", "--drain", "500", "--output", "json"], {
      env: ann.env,
    });
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject([{ added: 0, known: 0, trouble: expect.stringContaining("not at the") }]);
  });

  it("waits in the outbox while the collector is away", async () => {
    await write("rollout.jsonl", rollout.replaceAll("s-1", "s-2"));
    server.gate.shut();
    expect(await stage.cli(["import", "rollout.jsonl", "--drain", "0"], { env: ann.env })).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("they wait in"),
    });
    expect(await stage.cli(["import", "rollout.jsonl", "--drain", "0"], { env: ann.env })).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("since an earlier import"),
    });
    server.gate.open();
    expect(await stage.cli(["push"], { env: ann.env })).toMatchObject({ code: 0 });
    expect(await ann.outbox()).toEqual([]);
  });

  it("is a record's own chain where it is of the namespace, and one under it where it is not", async () => {
    await stage.cli(["run", "--no-observe", "--drain", "60000", "--", "bash", "-c", say("a")], { env: ann.env });
    const [own] = await framesIn(stage);
    const before = await storedTypes(own!.envelope.agent_uid);
    expect(before).toEqual(["LIFECYCLE", "THOUGHT", "LIFECYCLE"]);
    expect(await send("swarm_context.jsonl")).toMatchObject({ code: 0, stderr: "" });
    expect(await storedTypes(own!.envelope.agent_uid)).toEqual(before);
    await stage.cli(["run", "--no-observe", "--file", "local.jsonl", "--", "bash", "-c", say("b")]);
    for (let time = 0; time < 2; time += 1) expect(await send("local.jsonl")).toMatchObject({ code: 0, stderr: "" });
    const [local] = await framesIn(stage, "local.jsonl");
    expect(await storedTypes(local!.envelope.agent_uid)).toEqual([]);
    const anew = await server.storedOf(importedUid(server.namespace, local!.envelope.agent_uid));
    expect(anew.map(({ envelope }) => envelope.event_type)).toEqual(["LIFECYCLE", "THOUGHT", "LIFECYCLE"]);
    expect(anew[0]?.envelope.observed).toBe(local!.envelope.observed);
  });
});
