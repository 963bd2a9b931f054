import { describe, expect, it } from "@jest/globals";
import { anAgent } from "#test/builders/agent.ts";
import { aMission } from "#test/builders/mission.ts";
import { condition } from "#test/builders/mission-snapshot.ts";
import { createNews, pictureOf, toldOfAgent, toldOfMission } from "./watch-words.ts";

const since = "2026-11-23T09:59:00Z";
const working = { kind: "ACTION", summary: "Running npm test\u001B[31m", since };
const mission = aMission({
  status: {
    phase: "Running",
    activeSince: since,
    conditions: [condition("Ready", "Working")],
    usage: { inputTokens: 1_000, outputTokens: 34, modelCalls: 2, frames: 40 },
  },
});
const agent = anAgent({ status: { phase: "Running", attempt: 1, activity: working } });

describe("what is told while a mission is watched", () => {
  it("is each change once, and nothing that ceased to be", () => {
    const news = createNews();
    expect(news(toldOfMission(mission))).toEqual(["Running: because of Working"]);
    expect(news(toldOfMission(mission))).toEqual([]);
    const stuck = { ...condition("Stuck", "Idle"), message: "It does nothing." };
    const lost = { ...condition("Recording", "RecordingLost"), status: "False" as const, message: "No frame." };
    const conditions = [condition("Ready", "Working"), stuck, lost];
    const troubled = { ...mission, status: { ...mission.status, conditions } };
    expect(news(toldOfMission(troubled))).toEqual(["Stuck: It does nothing.", "Not recorded: No frame."]);
    expect(news(toldOfMission(mission))).toEqual([]);
    expect(news(toldOfMission(troubled))).toHaveLength(2);
  });

  it("is where each agent stands and what it does, without what a terminal obeys", () => {
    const news = createNews();
    expect(news(toldOfAgent(agent))).toEqual(["fix-bug-coder: Running", "fix-bug-coder: Running npm test\ufffd[31m"]);
    const next = anAgent({ status: { ...agent.status, attempt: 2 } });
    expect(news(toldOfAgent(next))).toEqual(["fix-bug-coder: Running, attempt 2"]);
  });

  it("stands below as one picture", () => {
    expect(pictureOf(mission, [agent], Date.parse("2026-11-23T10:00:05Z"))).toEqual([
      "",
      "fix-bug  Running: because of Working",
      "  fix-bug-coder  Running  Running npm test\ufffd[31m",
      "  at work 1m 05s · model calls 2 · tokens 1,000 sent, 34 answered · frames 40",
    ]);
  });
});
