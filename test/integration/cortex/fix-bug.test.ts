import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ProducedFrame } from "#nervous-system/schemas/frames/parse-frame.ts";
import { startJudge } from "#test/integration/runtimes/judge.ts";
import { missionTrace, setStage, type Stage } from "./stage.ts";

jest.setTimeout(60_000);

let stage: Stage;
beforeEach(async () => {
  stage = await setStage();
});
afterEach(() => stage.close());

const ofType = (type: string): readonly ProducedFrame[] =>
  stage.recorder.frames.filter((frame) => frame.event_type === type);

const testsPassAt = (branch: string): boolean => {
  const clone = join(stage.directory, `clone-${branch}`);
  stage.git(stage.directory, "clone", "--quiet", "--branch", branch, stage.fetched, clone);
  return spawnSync(process.execPath, ["--test"], { cwd: clone, env: { PATH: process.env["PATH"] ?? "" } }).status === 0;
};

const fetchProposal = async (): Promise<void> => {
  const [proposal] = ofType("PROPOSAL");
  const bundle = stage.recorder.blobs.get(String(proposal?.payload["bundle"]));
  const file = join(stage.directory, "got.bundle");
  await writeFile(file, bundle ?? "");
  expect(stage.git(stage.fetched, "bundle", "list-heads", file)).toBe(
    `${String(proposal?.payload["head"])} refs/heads/proposal\n`,
  );
  stage.git(stage.fetched, "fetch", "--quiet", file, "refs/heads/proposal:refs/heads/proposal");
};

describe("the cortex on the bug", () => {
  it("proposes a fix that passes the tests which the base fails", async () => {
    const end = await stage.start("fix-bug").end;
    expect(stage.journal.state().failures).toEqual([]);
    expect([end.code, end.output]).toEqual([0, expect.any(String)]);
    await fetchProposal();
    expect(end.termination).toMatchObject({ outcome: "Succeeded", headSHA: ofType("PROPOSAL")[0]?.payload["head"] });
    expect(testsPassAt("main")).toBe(false);
    expect(testsPassAt("proposal")).toBe(true);
  });

  it("is told who it is before anything else, and nothing of it is in what it records and proposes", async () => {
    await using judge = await startJudge(stage.modelPort);
    const doubts = "You doubt whatever a turnstile tells you.";
    const env = { ENCHANTED_PERSONA: "reviewer", ENCHANTED_SYSTEM_PROMPT: doubts, OPENAI_BASE_URL: judge.url };
    const end = await stage.start("fix-bug", env).end;
    expect([end.code, end.output]).toEqual([0, expect.any(String)]);
    for (const body of judge.bodies) {
      const { messages } = JSON.parse(body) as { messages: ReadonlyArray<{ role: string; content: string }> };
      expect(messages[0]).toMatchObject({ role: "system", content: expect.stringContaining(doubts) });
    }
    expect(judge.bodies.length).toBeGreaterThan(1);
    await fetchProposal();
    expect(stage.git(stage.fetched, "log", "-1", "--patch", "proposal")).not.toContain("doubt");
    expect(JSON.stringify(stage.recorder.frames)).not.toContain(doubts);
  });

  it("records each step before the next, in frames that fit their schemas", async () => {
    await stage.start("fix-bug").end;
    expect(stage.recorder.flags).toEqual([]);
    const events = stage.recorder.frames.map((frame) =>
      frame.event_type === "ACTION"
        ? `${String(frame.payload["tool"])} ${frame.payload["ok"] === true ? "ok" : "failed"}`
        : frame.event_type,
    );
    expect(events).toEqual([
      "THOUGHT",
      "list_files ok",
      "read_file ok",
      "read_file ok",
      "THOUGHT",
      "read_file ok",
      "search ok",
      "run_command failed",
      "THOUGHT",
      "THOUGHT",
      "DECISION_RATIONALE",
      "decide ok",
      "apply_patch ok",
      "STATE_CHANGE",
      "run_command ok",
      "THOUGHT",
      "git ok",
      "git ok",
      "git ok",
      "criterion ok",
      "finish ok",
      "PROPOSAL",
    ]);
    const [change] = ofType("STATE_CHANGE");
    expect(change?.payload).toMatchObject({
      file_modified: "src/token-bucket.js",
      change: "modified",
      lines_added: 6,
      lines_removed: 3,
      old_state_hash: stage.git(stage.fetched, "rev-parse", "main^{tree}").trim(),
      batch: { index: 0, count: 1 },
      observed_by: "apply_patch",
      depends_on: [],
    });
  });

  it("tells the same events in its span, with the mission as parent, to the file and over OTLP", async () => {
    await stage.start("fix-bug").end;
    const lines = (await readFile(join(stage.directory, "spans.jsonl"), "utf8")).trim().split("\n");
    const spans = lines.map((line) => JSON.parse(line) as Span);
    const cycle = spans.find((span) => span.name === "agent_execution_cycle");
    expect(cycle).toMatchObject({
      trace_id: missionTrace,
      parent_span_id: "b7ad6b7169203331",
      status: { code: "OK" },
      attributes: {
        "agent.id": "coder-1",
        "task.description": expect.stringContaining("token-bucket"),
        "state.start_hash": stage.git(stage.fetched, "rev-parse", "main^{tree}").trim(),
        "infrastructure.node": expect.any(String),
      },
    });
    const ids = new Set(stage.recorder.frames.map((frame) => frame.event_id));
    const events = cycle?.events ?? [];
    expect(events.map((event) => event.name)).toEqual(["decision_made", "state_change_applied"]);
    for (const event of events) expect(ids).toContain(event.attributes["enchanted.event_id"]);
    expect(JSON.parse(events[0]?.attributes["payload"] ?? "")).toMatchObject({
      selected_strategy: "advance refilledAt by whole intervals",
      confidence_score: 0.95,
    });
    expect(JSON.parse(events[1]?.attributes["payload"] ?? "")).toMatchObject({
      file_modified: "src/token-bucket.js",
      lines_added: 6,
      lines_removed: 3,
    });
    expect(spans.filter((span) => span.name === "execute_tool run_command")).toHaveLength(2);
    for (const name of ["agent_execution_cycle", "decision_made", "state_change_applied"])
      expect(stage.recorder.spans()).toContain(name);
  });

  it("records every file that several tools changed, and proposes them all but the ignored", async () => {
    const end = await stage.start("two-file-change").end;
    expect([end.code, stage.journal.state().failures]).toEqual([0, []]);
    const changed = ofType("STATE_CHANGE").map((frame) => [
      frame.payload["file_modified"],
      frame.payload["observed_by"],
    ]);
    expect(changed).toEqual([
      ["src/token-bucket.js", "apply_patch"],
      ["docs/CHANGELOG.md", "write_file"],
      ["VERSION", "run_command"],
    ]);
    await fetchProposal();
    const files = stage.git(stage.fetched, "diff", "--name-only", "main", "proposal").trim().split("\n");
    expect(files).toEqual(["VERSION", "docs/CHANGELOG.md", "src/token-bucket.js"]);
  });
});

type Span = {
  name: string;
  trace_id: string;
  attributes: Record<string, unknown>;
  events: Array<{ name: string; attributes: Record<string, string> }>;
};
