import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createAccount, startSwarmPlane, tokenFor } from "#test/integration/gateway/swarm-plane.ts";
import { freshNamespace } from "#test/integration/kubernetes/control-plane.ts";
import { createCleanup } from "#test/integration/pipeline/bus-harness.ts";
import { agentUid, chainBuilder } from "#test/integration/pipeline/chain-builder.ts";
import { startTestGraph } from "#test/integration/pipeline/graph-harness.ts";
import { startTestLedger } from "#test/integration/pipeline/ledger-harness.ts";
import { writeFrames } from "#test/integration/pipeline/reader-harness.ts";
import { startTestReader, type TestReaderServer } from "#test/integration/pipeline/reader-server.ts";
import { allowRecording } from "#test/integration/pipeline/recording-right.ts";
import { setCliStage, type CliStage, type Ended } from "./cli-stage.ts";

jest.setTimeout(120_000);

const cleanup = createCleanup();
let server: TestReaderServer;
let namespace: string;
let token: string;
let stage: CliStage;

const changed = (file: string, depends_on: string[]) => ({
  event_type: "STATE_CHANGE",
  payload: { file_modified: file, change: "modified", lines_added: 2, lines_removed: 1, depends_on },
});

beforeAll(async () => {
  const plane = await startSwarmPlane();
  cleanup.add(() => plane.stop());
  const graph = await startTestGraph(cleanup);
  const { boltUrl, username, password } = graph.server;
  const neo4j = { NEO4J_URL: boltUrl, NEO4J_USER: username, NEO4J_PASSWORD: password };
  const ledger = await startTestLedger(cleanup);
  server = await startTestReader(plane, ledger, cleanup, neo4j);
  namespace = await freshNamespace(plane.admin);
  await createAccount(plane.admin, namespace, "ann");
  await allowRecording(plane, namespace, "ann", ["get"]);
  token = await tokenFor(plane.admin, { namespace, name: "ann" }, "enchanted-collector");
  const ada = chainBuilder({ namespace, mission: "fix-bug", agent_uid: agentUid(1) });
  const frames = [
    ada.next({ event_type: "DECISION_RATIONALE", payload: { reasoning: "it leaks", selected_strategy: "close it" } }),
    ada.next(changed("src/pool.ts", [])),
    ada.next(changed("src/db.ts", ["src/pool.ts"])),
    ada.next(changed("src/main.ts", ["src/db.ts", "src/pool.ts"])),
  ].map((frame, n) => ({ ...frame, place: 512 + n, storedNs: 1n }));
  const sink = graph.sink();
  await sink.prepare();
  const cut = { stream: "2026-11-30T00:00:00Z", from: 512, to: 515, hash: "" };
  expect(await sink.write({ cut, frames }, new AbortController().signal)).toEqual({ kind: "written" });
  const own = { mission: "fix-more", mission_uid: "11111111-0000-4000-8000-000000000002" };
  const beth = chainBuilder({ namespace, ...own, agent_uid: agentUid(2) });
  const decided = beth.next({ event_type: "DECISION_RATIONALE", payload: { reasoning: "call Erika" } });
  const more = [decided, beth.next(changed("src/more.ts", []))];
  const placed = more.map((frame, n) => ({ ...frame, place: 516 + n, storedNs: 1n }));
  const next = { stream: cut.stream, from: 516, to: 517, hash: "" };
  expect(await sink.write({ cut: next, frames: placed }, new AbortController().signal)).toEqual({ kind: "written" });
  const { agent_uid: agentUidOf, epoch, seq, event_id: eventId } = decided.envelope;
  const erasure = { namespace, agentUid: agentUidOf, epoch, seq, eventId, principal: "", places: [516], blobs: [] };
  expect(await sink.erase([erasure], new AbortController().signal)).toEqual({ kind: "written" });
  await sink.close();
  await writeFrames(ledger, frames);
}, 600_000);
afterAll(() => cleanup.run());

beforeEach(async () => {
  stage = await setCliStage();
  await writeFile(join(stage.cwd, "token"), token);
});
afterEach(() => stage.remove());

const graph = (...args: string[]): Promise<Ended> =>
  stage.cli(["graph", ...args], {
    env: {
      ENCHANTED_READER: `127.0.0.1:${server.reader.port}`,
      ENCHANTED_NAMESPACE: namespace,
      ENCHANTED_TOKEN_FILE: "token",
      ENCHANTED_CA_FILE: server.caFile,
      ENCHANTED_READER_SERVER_NAME: "enchanted-reader",
    },
  });

describe("enchanted graph", () => {
  it("draws what a change of a file may break", async () => {
    const { code, stdout } = await graph("dependents", "--file", "src/pool.ts");
    expect({ code, lines: stdout.trimEnd().split("\n") }).toEqual({
      code: 0,
      lines: ["file src/pool.ts", "├─ file src/db.ts", "│  └─ file src/main.ts", "└─ file src/main.ts"],
    });
    const before = await graph("dependents", "--file", "src/pool.ts", "--place", "514");
    expect(before.stdout).toBe("file src/pool.ts\n└─ file src/db.ts\n");
    const mermaid = await graph("dependents", "--file", "src/db.ts", "--mission", "fix-bug", "--output", "mermaid");
    expect(mermaid.stdout).toBe(
      'flowchart LR\n  n0["file src/db.ts"]\n  n1["file src/main.ts"]\n  n0 -->|"needed by"| n1\n',
    );
    expect(await graph("dependents", "--file", "no.ts")).toMatchObject({
      code: 0,
      stdout: "",
      stderr: expect.stringContaining("the graph has nothing to draw"),
    });
  });

  it("draws how a mission came to what it changed", async () => {
    const { code, stdout } = await graph("mission", "--mission", "fix-bug");
    expect({ code, lines: stdout.trimEnd().split("\n") }).toEqual({
      code: 0,
      lines: [
        "mission fix-bug",
        "└─ agent coder-1",
        "   └─ decision close it: it leaks",
        "      ├─ change modified +2 -1",
        "      │  └─ file src/pool.ts",
        "      ├─ change modified +2 -1",
        "      │  └─ file src/db.ts",
        "      └─ change modified +2 -1",
        "         └─ file src/main.ts",
      ],
    });
    const json = await graph("mission", "--mission", "fix-bug", "--output", "json");
    const { nodes, edges } = JSON.parse(json.stdout) as { nodes: unknown[]; edges: unknown[] };
    expect([nodes.length, edges.length]).toEqual([9, 8]);
    expect((await graph("mission", "--mission", "fix-bug", "--output", "dot")).stdout).toMatch(
      /^digraph \{\n[^]*label="decision close it: it leaks"[^]*\}\n$/,
    );
  });

  it("says that a decision is erased", async () => {
    const { stdout } = await graph("mission", "--mission", "fix-more");
    const [, , decision, ...below] = stdout.trimEnd().split("\n");
    expect(decision).toBe("   └─ decision (erased)");
    expect(below).toEqual(["      └─ change modified +2 -1", "         └─ file src/more.ts"]);
  });

  it("says that a mission is not there", async () => {
    const stderr = `enchanted: no frame of mission fix-9 in namespace ${namespace}\n`;
    expect(await graph("mission", "--mission", "fix-9")).toMatchObject({ code: 0, stdout: "", stderr });
  });

  it.each<[string, string[], number, RegExp]>([
    ["nothing to draw", [], 2, /name one of dependents, mission/],
    ["a file that is missing", ["dependents"], 2, /dependents needs --file/],
    ["another one's option", ["mission", "--mission", "m", "--file", "x"], 2, /mission takes no --file/],
    [
      "a place that is none",
      ["dependents", "--file", "x", "--place", "y"],
      2,
      /parameter "place": give a whole number/,
    ],
    ["another namespace", ["mission", "--mission", "m", "--namespace", "default"], 1, /refuses: .*"missions\/record"/],
  ])("refuses %s", async (_, args, code, words) => {
    const ended = await graph(...args);
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code, stdout: "" });
    expect(ended.stderr).toMatch(words);
  });
});
