import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setStage, type Stage } from "./stage.ts";

jest.setTimeout(60_000);

let stage: Stage;
beforeEach(async () => {
  stage = await setStage();
});
afterEach(() => stage.close());

const typesRecorded = (): readonly string[] => stage.recorder.frames.map((frame) => frame.event_type);
const activities = (): readonly unknown[] =>
  stage.recorder.frames.filter((frame) => frame.event_type === "HEARTBEAT").map((frame) => frame.payload["activity"]);

describe("a model that stumbles", () => {
  it("is waited for when it answers 429, 503 or hangs up, and then the work is done", async () => {
    const end = await stage.start("rate-limited").end;
    expect([end.code, stage.journal.state().failures]).toEqual([0, []]);
    expect(activities()).toEqual([
      "waiting 1 s for the model, try 2: 429: too many requests",
      "waiting 1 s for the model, try 3: 429: too many requests",
      expect.stringMatching(/^waiting \d s for the model, try 2: 503: the scenario/),
      expect.stringMatching(/^waiting \d s for the model, try 2: cannot be reached: /),
    ]);
    expect(typesRecorded().at(-1)).toBe("PROPOSAL");
  });

  it("is told what was wrong with each senseless answer, and may recover", async () => {
    const end = await stage.start("nonsense-then-sense").end;
    expect([end.code, stage.journal.state().failures]).toEqual([0, []]);
  });
});

describe("a model that changes what no agent may", () => {
  it("hears so in time, takes it back, and its work is proposed", async () => {
    const end = await stage.start("unpublishable", { ENCHANTED_CRITERIA: "[]" }).end;
    expect([end.code, stage.journal.state().failures]).toEqual([0, []]);
    const proposal = stage.recorder.frames.find((frame) => frame.event_type === "PROPOSAL");
    expect(proposal?.payload["files"]).toEqual([{ path: "NOTES.md", change: "added" }]);
  });
});

describe("a model that never makes sense", () => {
  it.each([
    { scenario: "nonsense", env: {}, code: 1, reason: "ModelNonsense", words: "7 answers in a row" },
    {
      scenario: "never-finishes",
      env: { ENCHANTED_MAX_TURNS: "8" },
      code: 1,
      reason: "TurnLimit",
      words: "after 8 turns",
    },
    {
      scenario: "never-finishes",
      env: { ENCHANTED_TIME_LIMIT_MS: "400" },
      code: 1,
      reason: "TimeLimit",
      words: "not finished",
    },
    {
      scenario: "never-finishes",
      env: { ENCHANTED_MAX_TOKENS: "3000" },
      code: 1,
      reason: "TokenLimit",
      words: "limit 3000",
    },
    { scenario: "repeats-itself", env: {}, code: 1, reason: "RepeatedActions", words: "read_file" },
    {
      scenario: "wrong-fix",
      env: {},
      code: 1,
      reason: "RepeatedActions",
      words: "result: not finished: the mission's check",
    },
    {
      scenario: "always-busy",
      env: { ENCHANTED_MODEL_RETRY_MS: "1500" },
      code: 1,
      reason: "ModelRateLimited",
      words: "429",
    },
    { scenario: "garbage", env: {}, code: 1, reason: "ModelNonsense", words: "JSON that is broken" },
    { scenario: "flood", env: {}, code: 1, reason: "ModelNonsense", words: "never ended" },
    {
      scenario: "silent",
      env: { ENCHANTED_MODEL_TIMEOUT_MS: "300" },
      code: 1,
      reason: "ModelTimeout",
      words: "3 tries",
    },
    { scenario: "no-such-scenario", env: {}, code: 2, reason: "ModelNotFound", words: "no scenario" },
  ])("ends the agent on $scenario $env", async ({ scenario, env, code, reason, words }) => {
    const end = await stage.start(scenario, env).end;
    expect(end.termination).toMatchObject({ outcome: "Failed", reason, message: expect.stringContaining(words) });
    expect(end.code).toBe(code);
    const last = stage.recorder.frames.at(-1);
    expect(last).toMatchObject({
      event_type: "ERROR",
      payload: { fatal: true, message: expect.stringContaining(reason) },
    });
    expect(typesRecorded()).not.toContain("PROPOSAL");
    expect(stage.recorder.flags).toEqual([]);
    expect(await spanStatus()).toMatchObject({ code: "ERROR" });
  });
});

const spanStatus = async (): Promise<unknown> => {
  const lines = (await readFile(join(stage.directory, "spans.jsonl"), "utf8")).trim().split("\n");
  const spans = lines.map(
    (line) => JSON.parse(line) as { name: string; status: unknown; events: Array<{ name: string }> },
  );
  const cycle = spans.find((span) => span.name === "agent_execution_cycle");
  expect(cycle?.events.map((event) => event.name)).toContain("exception");
  return cycle?.status;
};

describe("the end from outside", () => {
  it("stops at SIGTERM in the middle of a model call, records it and exits like a terminated process", async () => {
    const { child, end } = stage.start("slow");
    await stage.recorder.until((frame) => frame.event_type === "ACTION" && frame.payload["tool"] === "list_files");
    child.kill("SIGTERM");
    const ended = await end;
    expect([ended.code, ended.termination.reason]).toEqual([143, "Stopped"]);
    expect(activities()).toEqual(["stopped: the agent was asked to end"]);
    expect(typesRecorded()).not.toContain("ERROR");
  });

  it("ends when the recorder goes away and does not come back", async () => {
    const { end } = stage.start("slow", { ENCHANTED_RECORDER_WAIT_MS: "200" });
    await stage.recorder.until((frame) => frame.event_type === "ACTION");
    await stage.recorder.vanish();
    const ended = await end;
    expect([ended.code, ended.termination.reason]).toEqual([1, "RecorderUnavailable"]);
  });

  it("does not start without a recorder", async () => {
    await stage.recorder.vanish();
    const ended = await stage.start("fix-bug", { ENCHANTED_RECORDER_WAIT_MS: "200" }).end;
    expect([ended.code, ended.termination.reason]).toEqual([1, "RecorderUnavailable"]);
    expect(stage.journal.state().requests).toBe(0);
  });

  it("says which commit is missing", async () => {
    const ended = await stage.start("fix-bug", { ENCHANTED_BASE_COMMIT: "1".repeat(40) }).end;
    expect(ended.termination).toMatchObject({
      reason: "RepositoryFailed",
      message: expect.stringContaining("1".repeat(40)),
    });
  });

  it("names every variable that is wrong and is not tried again", async () => {
    const ended = await stage.start("fix-bug", { ENCHANTED_CRITERIA: "node --test", ENCHANTED_MODEL: "" }).end;
    expect(ended.code).toBe(2);
    expect(ended.termination.message).toMatch(/ENCHANTED_CRITERIA[^]*ENCHANTED_MODEL/);
  });
});
