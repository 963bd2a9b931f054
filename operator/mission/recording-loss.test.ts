import { describe, expect, it } from "@jest/globals";
import { findCondition } from "#nervous-system/schemas/conditions.ts";
import type { MissionSpecInput, MissionStatus } from "#nervous-system/schemas/resources/mission.ts";
import { decideMission } from "#operator/mission/decide.ts";
import { missionEvents } from "#operator/mission/events.ts";
import { whyLost } from "#operator/mission/recording-loss.ts";
import { computeMissionStatus } from "#operator/mission/status.ts";
import { anAgent } from "#test/builders/agent.ts";
import { aMission } from "#test/builders/mission.ts";
import { condition, named, snapshot } from "#test/builders/mission-snapshot.ts";

const lostAt = Date.parse("2026-11-23T09:30:00Z");
const lost = (reason: string) => ({
  ...condition("Recording", reason),
  status: "False" as const,
  message: "No frame.",
});
const coder = (...conditions: ReturnType<typeof condition>[]) =>
  named(anAgent({ status: { attempt: 1, conditions: [condition("Ready", "PodRunning"), ...conditions] as never } }));
const silent = coder(lost("RecordingUnhealthy") as never);

type Given = { agents?: typeof silent; recording?: MissionSpecInput["recording"]; suspend?: boolean; minutes?: number };

const given = ({ agents = silent, recording, suspend = false, minutes = 15 }: Given, status: MissionStatus = {}) =>
  snapshot({
    mission: aMission({ spec: { suspend, ...(recording === undefined ? {} : { recording }) }, status }),
    agents,
    nowMs: lostAt + minutes * 60_000,
  });

describe("a mission is lost to the record", () => {
  const told = 'Agent "fix-bug-coder" has worked unrecorded since 2026-11-23T09:30:00Z: No frame.';
  const done = coder(lost("RecordingUnhealthy") as never, condition("Complete", "Succeeded"));

  it.each<[string, Given, string | undefined]>([
    ["after a quarter of an hour", {}, told],
    ["not before", { minutes: 14.9 }, undefined],
    ["when its scribe died", { agents: coder(lost("ScribeDied") as never) }, told],
    ["not by what an attempt left behind at its end", { agents: coder(lost("RecordGap") as never) }, undefined],
    ["not where its frames come through", { agents: coder(condition("Recording", "Recording")) }, undefined],
    ["as its spec says: sooner", { recording: { grace: "1m" }, minutes: 1 }, told],
    ["as its spec says: never", { recording: { onLoss: "Continue" }, minutes: 600 }, undefined],
    ["not while a person has suspended it", { suspend: true }, undefined],
    ["not once its agents are done", { agents: done }, undefined],
  ])("%s", (_, one, expected) => {
    expect(whyLost(given(one))?.message).toBe(expected);
  });
});

describe("a mission that is not recorded", () => {
  const round = (before: MissionStatus, one: Given) => {
    const now = given(one, before);
    const plan = decideMission(now);
    const status = computeMissionStatus(now, plan);
    const events = missionEvents(before, status).map(({ reason }) => reason);
    return { acts: plan.acts, outcome: plan.outcome, status, events };
  };
  const recordingOf = ({ conditions }: MissionStatus) => findCondition(conditions, "Recording");
  const working = round({}, { minutes: 0 });

  it("is looked at again when its grace is over, and says until then that it is not recorded", () => {
    expect(round(working.status, { minutes: 13 }).outcome).toMatchObject({ recheckMs: 120_000 });
    expect(recordingOf(working.status)).toMatchObject({ status: "False", reason: "RecordingUnhealthy" });
  });

  it("tells it, stops its agents, and goes on after a suspension", () => {
    const first = round(working.status, {});
    expect(first).toMatchObject({ acts: [], events: ["RecordingLost"], status: { phase: "Draining" } });
    expect(recordingOf(first.status)).toMatchObject({ status: "False", reason: "RecordingLost" });
    const second = round(first.status, {});
    expect(second).toMatchObject({ acts: [{ kind: "suspendAgent", suspend: true }], events: [] });
    const drained = named(
      anAgent({
        spec: { suspend: true },
        status: { attempt: 1, conditions: [condition("Suspended", "RecordingLost"), lost("RecordGap")] },
      }),
    );
    const paused = round(second.status, { agents: drained });
    expect(paused).toMatchObject({ acts: [], events: ["Suspended"], status: { phase: "Suspended" } });
    expect(findCondition(paused.status.conditions, "Stalled")?.message).toMatch(
      /has worked unrecorded since .* spec\.recording\.onLoss is Continue\.$/,
    );
    const suspended = round(paused.status, { agents: drained, suspend: true });
    const resumed = round(suspended.status, { agents: drained });
    expect(resumed).toMatchObject({ acts: [{ kind: "suspendAgent", suspend: false }], events: ["Resumed"] });
    expect(recordingOf(resumed.status)?.status).toBe("True");
  });
});
