import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { parquetReadObjects } from "hyparquet";
import { makeCorpus, type Corpus } from "#test/builders/corpus.ts";
import { createAccount, startSwarmPlane, tokenFor } from "#test/integration/gateway/swarm-plane.ts";
import { freshNamespace } from "#test/integration/kubernetes/control-plane.ts";
import { createCleanup } from "#test/integration/pipeline/bus-harness.ts";
import { agentUid, chainBuilder } from "#test/integration/pipeline/chain-builder.ts";
import { startTestLedger } from "#test/integration/pipeline/ledger-harness.ts";
import { writeFrames } from "#test/integration/pipeline/reader-harness.ts";
import { startTestReader, type TestReaderServer } from "#test/integration/pipeline/reader-server.ts";
import { allowRecording } from "#test/integration/pipeline/recording-right.ts";
import { enchanted, setCliStage, type CliStage, type Ended } from "./cli-stage.ts";

jest.setTimeout(120_000);

const cleanup = createCleanup();
let server: TestReaderServer;
let corpus: Corpus;
let namespace: string;
const tokens = { ann: "", eve: "" };
let stage: CliStage;

beforeAll(async () => {
  const plane = await startSwarmPlane();
  cleanup.add(() => plane.stop());
  const ledger = await startTestLedger(cleanup);
  server = await startTestReader(plane, ledger, cleanup);
  namespace = await freshNamespace(plane.admin);
  for (const account of ["ann", "eve"]) await createAccount(plane.admin, namespace, account);
  await allowRecording(plane, namespace, "ann", ["get"]);
  for (const name of ["ann", "eve"] as const)
    tokens[name] = await tokenFor(plane.admin, { namespace, name }, "enchanted-collector");
  const made = makeCorpus({ seed: 3, namespaces: 1, missions: 1, steps: 400 });
  corpus = { ...made, frames: made.frames.map((frame) => ({ ...frame, envelope: { ...frame.envelope, namespace } })) };
  await writeFrames(ledger, corpus.frames);
  const own = chainBuilder({ namespace, mission: "fix-0", agent_uid: agentUid(1) });
  const place = corpus.frames.length + 1;
  const chat = { event_type: "CHAT", payload: { model: "m", input_tokens: 7 } };
  const imported = chainBuilder({ namespace, mission: "external", agent_uid: agentUid(2) }).next(chat);
  await writeFrames(ledger, [
    { ...own.next({ event_type: "NIGHTLY_BUILD" }), place, storedNs: 1n },
    { ...imported, place: place + 1, storedNs: 1n },
  ]);
}, 600_000);
afterAll(() => cleanup.run());

beforeEach(async () => {
  stage = await setCliStage();
  await writeFile(join(stage.cwd, "token"), tokens.ann);
});
afterEach(() => stage.remove());

const environment = (): Record<string, string> => ({
  ENCHANTED_READER: `127.0.0.1:${server.reader.port}`,
  ENCHANTED_NAMESPACE: namespace,
  ENCHANTED_TOKEN_FILE: "token",
  ENCHANTED_CA_FILE: server.caFile,
  ENCHANTED_READER_SERVER_NAME: "enchanted-reader",
});
const ask = (...args: string[]): Promise<Ended> => stage.cli(["ask", ...args], { env: environment() });
const rowsOf = async (...args: string[]): Promise<Array<Record<string, unknown>>> => {
  const { code, stdout, stderr } = await ask(...args, "--output", "json");
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Array<Record<string, unknown>>;
};
const decisionsOfBen = () => corpus.told.filter(({ type, agent }) => type === "DECISION_RATIONALE" && agent === "ben");

describe("enchanted ask", () => {
  it("answers as JSON, JSON lines, CSV and Parquet alike", async () => {
    const json = await rowsOf("decisions", "--agent", "ben");
    expect(json.length).toBe(decisionsOfBen().length);
    const lines = await ask("decisions", "--agent", "ben", "--output", "jsonl");
    expect(
      lines.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(json);
    const csv = await ask("decisions", "--agent", "ben", "--output", "csv");
    expect(csv.stdout.split("\n")[0]).toBe(
      "at,mission,agent,epoch,seq,strategy,reasoning,rejected,confidence,commit,event_id",
    );
    expect(csv.stdout.split("\n").length).toBe(json.length + 2);
    expect(csv.stdout.split("\n")[1]).toContain(`"[""ask"",""give 'up'""]"`);
    await promisify(execFile)("sh", ["-c", `"${enchanted}" ask decisions --agent ben --output parquet > d.parquet`], {
      cwd: stage.cwd,
      env: { ...process.env, ...environment() },
    });
    const bytes = await readFile(join(stage.cwd, "d.parquet"));
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
    const read = await parquetReadObjects({ file });
    expect(read.map(({ event_id: id, rejected, seq }) => [id, rejected, Number(seq)])).toEqual(
      json.map(({ event_id: id, rejected, seq }) => [id, rejected, seq]),
    );
  });

  it("writes times as times, where there is none too", async () => {
    const files = ["files", "--file", "src/", "--output"];
    const given = environment();
    await promisify(execFile)("sh", ["-c", `"${enchanted}" ask ${files.join(" ")} parquet > f.parquet`], {
      cwd: stage.cwd,
      env: { ...process.env, ...given },
    });
    const { buffer, byteOffset, length } = await readFile(join(stage.cwd, "f.parquet"));
    const read = await parquetReadObjects({ file: buffer.slice(byteOffset, byteOffset + length) });
    const json = await rowsOf(...files.slice(0, 3));
    expect(new Set(json.map(({ decided_at: at }) => typeof at))).toEqual(new Set(["string", "object"]));
    expect(read.map(({ decided_at: at }) => at)).toEqual(
      json.map(({ decided_at: at }) => (typeof at === "string" ? new Date(at) : null)),
    );
  });

  it("prints a table for people, and says where more is", async () => {
    const { code, stdout, stderr } = await ask("mission", "--mission", "fix-0", "--limit", "5");
    const lines = stdout.trimEnd().split("\n");
    expect(code).toBe(0);
    expect(lines.length).toBe(6);
    expect(lines[0]).toMatch(/^place +at +agent +type +what +text +state +epoch +seq +event_id$/);
    expect(lines[1]).toContain("2026-11-30 03:00:0");
    expect(stderr).toBe(
      "enchanted: there are more rows (--limit 5); go on with --after 5; --limit takes up to 10000\n",
    );
    const next = await rowsOf("mission", "--mission", "fix-0", "--limit", "5", "--after", "5");
    expect(next.map(({ place }) => place)).toEqual([6, 7, 8, 9, 10]);
  });

  it("says which mission or agent is not there, and takes types that somebody made up", async () => {
    expect(await ask("mission", "--mission", "fix-9", "--output", "json")).toMatchObject({
      code: 0,
      stdout: "[]\n",
      stderr: `enchanted: no frame of mission fix-9 in namespace ${namespace}\n`,
    });
    const missing = await ask("errors", "--mission", "fix-0", "--agent", "zoe");
    expect(missing.stderr).toBe(`enchanted: no frame of agent zoe in namespace ${namespace}\n`);
    const nothing = await ask("mission", "--mission", "fix-0", "--types", "CLAIM");
    expect(nothing).toMatchObject({ code: 0, stderr: "enchanted: nothing in the record answers that\n" });
    expect((await rowsOf("mission", "--mission", "fix-0", "--types", "NIGHTLY_BUILD")).length).toBe(1);
  });

  it("says that calls are not counted which nobody of ours carried, where there are any", async () => {
    const { stdout, stderr } = await ask("model-usage", "--output", "json");
    expect(stdout).not.toContain('"m"');
    expect(stderr).toMatch(
      /^enchanted: left out are calls of models that only agents, .* \(CHAT\); see: .* --types CHAT\n$/,
    );
    expect(await ask("model-usage", "--mission", "fix-0")).toMatchObject({ code: 0, stderr: "" });
  });

  it("explains what was asked and read, beside the answer", async () => {
    const { stdout, stderr } = await ask("errors", "--from", "2026-11-30", "--explain", "--output", "json");
    expect(Array.isArray(JSON.parse(stdout))).toBe(true);
    expect(stderr).toContain("WHERE namespace = {namespace:String}");
    expect(stderr).toContain('"from":"2026-11-30 00:00:00.000000000"');
    expect(stderr).toMatch(/ledger: \d+ row\(s\) in \d+ ms; [1-9]\d* rows and \d+\.\d MB read/);
  });

  it("tells which questions there are, without a reader", async () => {
    const { code, stdout } = await stage.cli(["ask", "--list"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^conversations +What did an agent and another say/m);
    const { stdout: help } = await stage.cli(["ask", "--help"]);
    expect(help.replaceAll(/\s+/g, " ")).toContain(
      "files: Who changed a file or a folder, when, and by which decision before? The newest first. --file <text> [--agent <text>]",
    );
    const { stdout: completion } = await stage.cli(["completion", "bash"]);
    expect(completion).toMatch(/ask\) words="conversations decisions .*--about/);
  });

  it.each<[string, string[], number, RegExp]>([
    ["an unknown question", ["weather"], 2, /name one of conversations, decisions, files/],
    ["no question", [], 2, /enchanted ask --list tells/],
    ["a parameter that is missing", ["decisions"], 2, /decisions needs --agent: name or UID/],
    [
      "another question's parameter",
      ["decisions", "--agent", "a", "--file", "x"],
      2,
      /decisions takes no --file; it takes --agent, --about/,
    ],
    [
      "an unknown type",
      ["mission", "--mission", "fix-0", "--types", "ACTION,THOUGH"],
      2,
      /THOUGH: .* known are THOUGHT$/m,
    ],
    [
      "an end before the beginning",
      ["errors", "--from", "1h", "--to", "2h"],
      2,
      /"to": give a time that is after "from"/,
    ],
    ["a time that is none", ["errors", "--from", "soon"], 2, /parameter "from": give a time in UTC/],
    ["too many rows", ["errors", "--limit", "10001"], 2, /whole number from 0 to 10000/],
    [
      "a wrong address",
      ["errors", "--reader", "127.0.0.1"],
      2,
      /--reader 127.0.0.1: give host:port, such as localhost:4319/,
    ],
    [
      "a name that the certificate does not carry",
      ["errors", "--server-name", "other"],
      1,
      /does not carry the name other/,
    ],
    ["another namespace", ["errors", "--namespace", "default"], 1, /refuses: .*"get" on "missions\/record"/],
  ])("refuses %s", async (_, args, code, words) => {
    const ended = await ask(...args);
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code, stdout: "" });
    expect(ended.stderr).toMatch(words);
  });

  it("refuses who may not, and says how the right is granted", async () => {
    await writeFile(join(stage.cwd, "token"), tokens.eve);
    const { code, stderr } = await ask("errors");
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /the reader refuses: .*:eve" may not read the record .* grant it "get" on "missions\/record"/,
    );
  });
});
