import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { createAccount, startSwarmPlane, tokenFor } from "#test/integration/gateway/swarm-plane.ts";
import { eventually, freshNamespace } from "#test/integration/kubernetes/control-plane.ts";
import { createCleanup } from "#test/integration/pipeline/bus-harness.ts";
import { agentUid, chainBuilder } from "#test/integration/pipeline/chain-builder.ts";
import { startTestLedger, type TestLedger } from "#test/integration/pipeline/ledger-harness.ts";
import { writeFrames } from "#test/integration/pipeline/reader-harness.ts";
import { startTestReader, type TestReaderServer } from "#test/integration/pipeline/reader-server.ts";
import { allowRecording } from "#test/integration/pipeline/recording-right.ts";
import { enchanted, setCliStage, type CliStage, type Ended } from "./cli-stage.ts";

jest.setTimeout(120_000);

const cleanup = createCleanup();
let server: TestReaderServer;
let ledger: TestLedger;
let namespace: string;
let token: string;
let stage: CliStage;
let place = 0;

const write = (...frames: readonly RecordedFrame[]): Promise<void> =>
  writeFrames(
    ledger,
    frames.map((frame) => ({ ...frame, place: (place += 1), storedNs: 1_763_701_174_000_000_001n })),
  );

const chainOf = (n: number) =>
  chainBuilder({ namespace, mission: "fix", mission_uid: agentUid(500), agent_uid: agentUid(n) });
const change = (before: string, after: string) => ({
  event_type: "STATE_CHANGE",
  payload: {
    file_modified: "src/a.js",
    change: "modified",
    old_state_hash: before,
    new_state_hash: after,
    lines_added: 1,
    lines_removed: 1,
    patch: `diff --git a/src/a.js b/src/a.js\n-${before}\n+${after}\u001B[2J\n`,
  },
});
const files = [{ path: "src/a.js", change: "modified" }];
const proposal = {
  event_type: "PROPOSAL",
  payload: { title: "Fix it", base: "b".repeat(40), head: "e".repeat(40), files },
};

beforeAll(async () => {
  const plane = await startSwarmPlane();
  cleanup.add(() => plane.stop());
  ledger = await startTestLedger(cleanup);
  server = await startTestReader(plane, ledger, cleanup);
  namespace = await freshNamespace(plane.admin);
  await createAccount(plane.admin, namespace, "ann");
  await allowRecording(plane, namespace, "ann", ["get"]);
  token = await tokenFor(plane.admin, { namespace, name: "ann" }, "enchanted-collector");
  const ada = chainOf(501);
  await write(
    ada.next({ payload: { text: "hm\u001B[31m" } }),
    ada.next(change("t0", "t1")),
    ada.next(change("t1", "t2")),
    ada.next(proposal),
    chainOf(502).next({ event_type: "ERROR", agent_id: "bob", payload: { message: "It broke." } }),
  );
}, 600_000);
afterAll(() => cleanup.run());

beforeEach(async () => {
  stage = await setCliStage();
  await writeFile(join(stage.cwd, "token"), token);
});
afterEach(() => stage.remove());

const environment = (): Record<string, string> => ({
  ENCHANTED_READER: `127.0.0.1:${server.reader.port}`,
  ENCHANTED_NAMESPACE: namespace,
  ENCHANTED_TOKEN_FILE: "token",
  ENCHANTED_CA_FILE: server.caFile,
});
const ask = (...args: string[]): Promise<Ended> => stage.cli(args, { env: environment() });

describe("enchanted logs", () => {
  it("prints the record of a mission in its order, without what a terminal obeys", async () => {
    const { code, stdout } = await ask("logs", "fix");
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines.map((line) => line.replace(/^\S+ /, "").replaceAll(/ +/g, " "))).toEqual([
      "coder-1 THOUGHT hm\ufffd[31m",
      "coder-1 STATE_CHANGE modified src/a.js +1 -1",
      "coder-1 STATE_CHANGE modified src/a.js +1 -1",
      expect.stringContaining("coder-1 PROPOSAL"),
      "bob ERROR It broke.",
    ]);
  });

  it("prints of one agent, of some types, and for programs", async () => {
    expect((await ask("logs", "fix", "--agent", "bob")).stdout.trimEnd().split("\n")).toHaveLength(1);
    const { stdout } = await ask("logs", "fix", "--types", "ERROR,PROPOSAL", "--output", "json");
    const types = stdout
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as { event_type: string }).event_type);
    expect(types).toEqual(["PROPOSAL", "ERROR"]);
  });

  it("goes on with what is recorded, until it is interrupted", async () => {
    const mission = { namespace, mission: "long", mission_uid: agentUid(600), agent_uid: agentUid(601) };
    const chain = chainBuilder(mission);
    await write(chain.next({ payload: { text: "first" } }));
    const following = stage.start([enchanted, "logs", "long", "--follow"], { env: environment() });
    let shown = "";
    following.child.stdout?.on("data", (chunk: Buffer) => (shown += chunk.toString()));
    await eventually("the first is printed", () => shown.includes("first"));
    await write(chain.next({ payload: { text: "second" } }));
    await eventually("the second is printed", () => shown.includes("second"));
    following.child.kill("SIGINT");
    const { signal, stdout } = await following.ended;
    expect([signal, stdout.match(/first|second/g)]).toEqual(["SIGINT", ["first", "second"]]);
  });

  it("says what is missing", async () => {
    expect(await ask("logs", "nothing")).toMatchObject({
      code: 0,
      stdout: "",
      stderr: expect.stringContaining(`enchanted: no frame of mission nothing in namespace ${namespace}\n`),
    });
    const nowhere = await stage.cli(["logs", "fix"], { env: { ...environment(), ENCHANTED_READER: "" } });
    expect(nowhere).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("say where the reader is with --reader"),
    });
  });
});

describe("enchanted diff", () => {
  it("shows what the last proposal changes, and how it came to that", async () => {
    const { code, stdout } = await ask("diff", "fix");
    expect(code).toBe(0);
    expect(stdout).toBe(
      [
        "coder-1 proposes: Fix it",
        "bbbbbbbbbbbb..eeeeeeeeeeee not answered yet",
        "modified src/a.js +2 -2 in 2 changes",
        "diff --git a/src/a.js b/src/a.js\n-t0\n+t1",
        "diff --git a/src/a.js b/src/a.js\n-t1\n+t2\n",
      ].join("\n"),
    );
    expect((await ask("diff", "fix", "--stat")).stdout.trimEnd().split("\n")).toHaveLength(3);
    const [first] = JSON.parse((await ask("diff", "fix", "--output", "json")).stdout) as object[];
    expect(first).toMatchObject({
      title: "Fix it",
      files: [{ path: "src/a.js", changes: [{ file: "src/a.js" }, {}] }],
    });
  });

  it("ends with 1 where there is none", async () => {
    expect(await ask("diff", "fix", "--agent", "bob")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("enchanted: mission fix has proposed nothing yet\n"),
    });
    expect((await ask("diff", "nothing")).code).toBe(1);
  });
});
