import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { reduceMission } from "#nervous-system/fold/reduce.ts";
import { emptyMission, type MissionFold } from "#nervous-system/fold/state.ts";
import { findCondition } from "#nervous-system/schemas/conditions.ts";
import type { MissionSpecInput, MissionStatus } from "#nervous-system/schemas/resources/mission.ts";
import { decideMission } from "#operator/mission/decide.ts";
import { missionEvents } from "#operator/mission/events.ts";
import type { MissionSnapshot } from "#operator/mission/plan.ts";
import { computeMissionStatus } from "#operator/mission/status.ts";
import { whyStuck } from "#operator/mission/stuck.ts";
import { anAgent } from "#test/builders/agent.ts";
import { aFrame } from "#test/builders/frame.ts";
import { aMission } from "#test/builders/mission.ts";
import { condition, named, snapshot } from "#test/builders/mission-snapshot.ts";

const startMs = Date.parse("2026-11-23T10:00:00Z");
const minutesOn = (minutes: number): number => startMs + minutes * 60_000;
const nsOf = (ms: number): string => `${ms}000000`;

type Step = readonly [type: string, payload: Record<string, unknown>];
const run = (command: string): Step => ["ACTION", { tool: "run_command", arguments: { command } }];
const edit = (file_modified: string, patch: string): Step => ["STATE_CHANGE", { file_modified, patch }];
const times = (n: number, ...steps: readonly Step[]): Step[] => Array.from({ length: n }, () => steps).flat();

/** Frames of the coder's attempt, all at the start. */
const foldOf = (steps: readonly Step[], epoch = 1): MissionFold =>
  steps
    .map(([event_type, payload], n) => aFrame(n + 1, { event_type, epoch, observed: nsOf(startMs) }, payload))
    .reduce(reduceMission, emptyMission("m"));

const since = (type: string) => ({ ...condition(type, "PodRunning"), lastTransitionTime: "2026-11-23T09:30:00Z" });
const running = { attempt: 1, conditions: [since("Ready"), since("Recording")] };
const atWork = named(anAgent({ status: running }));

type Given = { steps?: Step[]; spec?: Partial<MissionSpecInput>; minutes?: number } & Partial<MissionSnapshot>;

const given = ({ steps = [run("ls")], spec = {}, minutes = 1, ...more }: Given): MissionSnapshot =>
  snapshot({
    mission: aMission({ spec }),
    agents: atWork,
    fold: foldOf(steps),
    nowMs: minutesOn(minutes),
    ...more,
  });

describe("a mission is taken for stuck", () => {
  const late = anAgent({
    status: {
      ...running,
      conditions: [{ ...since("Ready"), lastTransitionTime: "2026-11-23T10:10:00Z" }, since("Recording")],
    },
  });
  const unheard = anAgent({
    status: { ...running, conditions: [since("Ready"), { ...since("Recording"), status: "False" }] },
  });
  const retrying = anAgent({ status: { ...running, conditions: [{ ...since("Ready"), status: "False" }] } });
  const beats: Step[] = [run("ls"), ["HEARTBEAT", { activity: "waiting 9 s for the model" }]];

  it.each<[string, Given, string | undefined]>([
    [
      "by five times the same",
      { steps: times(5, run("npm test")) },
      'RepeatedAction: Agent "fix-bug-coder" has done the same 5 times in a row: Running npm test.',
    ],
    ["not by four", { steps: times(4, run("npm test")) }, undefined],
    [
      "by two states of one file",
      { steps: times(5, edit("a.js", "+x"), edit("a.js", "-x")) },
      'AlternatingEdits: Agent "fix-bug-coder" has made the same 2 changes in turn 5 times, the last of a.js.',
    ],
    [
      "by two files",
      { steps: times(5, edit("a.js", "-x"), edit("b.js", "+x"), edit("b.js", "-x"), edit("a.js", "+x")) },
      'AlternatingEdits: Agent "fix-bug-coder" has made the same 4 changes in turn 5 times, the last of a.js.',
    ],
    [
      "by one change again and again",
      { steps: times(5, edit("a.js", "+x")) },
      'AlternatingEdits: Agent "fix-bug-coder" has made the same change 5 times, the last of a.js.',
    ],
    [
      "by a quarter of an hour without a deed",
      { minutes: 15 },
      'Idle: Agent "fix-bug-coder" has done nothing since 2026-11-23T10:00:00Z.',
    ],
    ["not a minute before", { minutes: 14 }, undefined],
    [
      "whatever it beats",
      { minutes: 15, steps: beats },
      'Idle: Agent "fix-bug-coder" has done nothing since 2026-11-23T10:00:00Z.',
    ],
    ["not by time in which its pod did not run", { minutes: 20, agents: named(late) }, undefined],
    [
      "but by as much since it does",
      { minutes: 25, agents: named(late) },
      'Idle: Agent "fix-bug-coder" has done nothing since 2026-11-23T10:10:00Z.',
    ],
    ["not where its frames do not come through", { minutes: 60, agents: named(unheard) }, undefined],
    [
      "though what came of it counts",
      { agents: named(unheard), steps: times(5, run("ls")) },
      'RepeatedAction: Agent "fix-bug-coder" has done the same 5 times in a row: Running ls.',
    ],
    ["not while no pod of it works", { agents: named(retrying), steps: times(5, run("ls")) }, undefined],
    [
      "not by what the attempt before did",
      { agents: named(anAgent({ status: { ...running, attempt: 2 } })), steps: times(5, run("ls")) },
      undefined,
    ],
    [
      "as its spec says: sooner",
      { spec: { stuck: { repeatedActionLimit: 2 } }, steps: times(2, run("ls")) },
      'RepeatedAction: Agent "fix-bug-coder" has done the same 2 times in a row: Running ls.',
    ],
    ["as its spec says: later", { spec: { stuck: { idle: "1h" } }, minutes: 59 }, undefined],
    [
      "not before the record is read up to now",
      { steps: times(5, run("ls")), record: { healthy: false, starting: true, message: "", position: 1 } },
      undefined,
    ],
    [
      "not while the operator hears of nobody",
      { minutes: 60, record: { healthy: false, message: "away", position: 1 } },
      undefined,
    ],
  ])("%s", (_, one, expected) => {
    const why = whyStuck(given(one));
    expect(why && `${why.reason}: ${why.message}`).toBe(expected);
  });

  it("exactly where it did the same as often as it may", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 12 }), fc.integer({ min: 1, max: 24 }), (limit, done) => {
        const spec = { stuck: { repeatedActionLimit: limit } };
        const why = whyStuck(given({ spec, steps: [run("ls"), ...times(done, run("npm test"))] }));
        expect(why?.reason).toBe(done >= limit ? "RepeatedAction" : undefined);
      }),
    );
  });
});

it("takes a program that never says anything for idle, and one whose attempt nobody has heard of for nothing", () => {
  // Its pod runs since half past nine.
  const spec = { stuck: { idle: "45m" } };
  const started = aFrame(1, { event_type: "LIFECYCLE", producer: "scribe", epoch: 1, observed: nsOf(startMs) });
  const silent = reduceMission(emptyMission("m"), started);
  expect(whyStuck(given({ spec, fold: silent, minutes: 16 }))?.reason).toBe("Idle");
  expect(whyStuck(given({ spec, fold: silent, minutes: 10 }))).toBeUndefined();
  expect(whyStuck(given({ spec, fold: emptyMission("m"), minutes: 16 }))).toBeUndefined();
});

describe("a stuck mission", () => {
  /** One round of the operator: what it does, tells and writes. */
  const round = (before: MissionStatus, one: Given) => {
    const found = given(one);
    const now = { ...found, mission: { ...found.mission, status: before } };
    const plan = decideMission(now);
    const status = computeMissionStatus(now, plan);
    return {
      acts: plan.acts,
      outcome: plan.outcome,
      status,
      events: missionEvents(before, status).map(({ reason }) => reason),
    };
  };
  const working = round({}, {}).status;
  const stuckSteps = times(5, run("ls"));
  const pausing = { stuck: { action: "Pause" } } as const;
  const drained = named(
    anAgent({
      spec: { suspend: true },
      status: { attempt: 1, conditions: [condition("Suspended", "RepeatedAction")] },
    }),
  );
  const stuckIn = ({ conditions }: MissionStatus) => findCondition(conditions, "Stuck");

  it("is warned of once, goes on, and is so no more once its agent does something else", () => {
    const first = round(working, { steps: stuckSteps });
    expect(first).toMatchObject({ acts: [], events: ["RepeatedAction"], status: { phase: "Running" } });
    expect(stuckIn(first.status)).toMatchObject({ status: "True", reason: "RepeatedAction" });
    const again = round(first.status, { steps: [...stuckSteps, run("ls")] });
    expect(again).toMatchObject({ acts: [], events: [] });
    expect(stuckIn(round(again.status, { steps: [...stuckSteps, run("pwd")] }).status)).toBeUndefined();
  });

  it("is looked at again when its agent has been idle for as long as it may", () => {
    expect(round(working, { minutes: 13 }).outcome).toMatchObject({ recheckMs: 120_000 });
    expect(round(working, { minutes: 16 }).outcome).toMatchObject({ recheckMs: 300_000 });
  });

  it("pauses where it is to: told first, then stopped, whatever its agents did last, until a person suspends or resumes it", () => {
    const told = round(working, { spec: pausing, steps: stuckSteps });
    expect(told).toMatchObject({ acts: [], events: ["RepeatedAction"], status: { phase: "Draining" } });
    const otherSteps = [...stuckSteps, run("killed")];
    const stopped = round(told.status, { spec: pausing, steps: otherSteps });
    expect(stopped).toMatchObject({ acts: [{ kind: "suspendAgent", suspend: true }], events: [] });
    const paused = round(stopped.status, { spec: pausing, steps: otherSteps, agents: drained });
    expect(paused).toMatchObject({ acts: [], events: ["Suspended"], status: { phase: "Suspended" } });
    expect(findCondition(paused.status.conditions, "Stalled")).toMatchObject({
      reason: "RepeatedAction",
      message: expect.stringMatching(
        /5 times in a row: Running ls\. It goes on .* once a person resumes it \(enchanted resume\)/,
      ),
    });
    expect(paused.status.activeSince).toBeUndefined();
    const restarted = { healthy: false, starting: true, message: "", position: 1 };
    const still = round(paused.status, { spec: pausing, agents: drained, record: restarted, fold: undefined });
    expect(still).toMatchObject({ acts: [], events: [], status: { phase: "Suspended" } });
    const by = (kind: "Pause" | "Resume", at: string) => ({
      ...still.status,
      lastIntervention: { kind, uid: "9", name: "ann-1", by: "ann", at },
    });
    const longAgo = round(by("Resume", "2026-11-23T00:00:00Z"), { spec: pausing, agents: drained, steps: otherSteps });
    expect(longAgo).toMatchObject({ acts: [], status: { phase: "Suspended" } });
    const goesOn = round(by("Resume", "2026-11-23T11:00:00Z"), { spec: pausing, agents: drained, steps: otherSteps });
    expect(goesOn).toMatchObject({ acts: [{ kind: "suspendAgent", suspend: false }], events: ["Resumed"] });
    expect(stuckIn(goesOn.status)).toBeUndefined();
    const suspended = round(still.status, { spec: { ...pausing, suspend: true }, agents: drained });
    expect(stuckIn(suspended.status)).toBeUndefined();
    const resumed = round(suspended.status, { spec: pausing, agents: drained, steps: otherSteps });
    expect(resumed).toMatchObject({ acts: [{ kind: "suspendAgent", suspend: false }], events: ["Resumed"] });
  });

  it("goes on once it is only to be warned of", () => {
    const { status } = round(working, { spec: pausing, steps: stuckSteps });
    const resumed = round(status, { spec: { stuck: { action: "Warn" } }, agents: drained, steps: stuckSteps });
    expect(resumed).toMatchObject({ acts: [{ kind: "suspendAgent", suspend: false }] });
    expect(stuckIn(resumed.status)).toBeUndefined();
  });

  it("is stuck no more once its agents are done", () => {
    const { status } = round(working, { spec: pausing, steps: stuckSteps });
    const done = named(anAgent({ status: { attempt: 1, conditions: [condition("Complete", "Succeeded")] } }));
    expect(stuckIn(round(status, { spec: pausing, agents: done, steps: stuckSteps }).status)).toBeUndefined();
  });
});
