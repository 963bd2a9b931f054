import { describe, expect, it } from "@jest/globals";
import { reduceMission } from "#nervous-system/fold/reduce.ts";
import { emptyAgent, emptyMission } from "#nervous-system/fold/state.ts";
import { findCondition } from "#nervous-system/schemas/conditions.ts";
import { missionDefinition, type MissionStatus } from "#nervous-system/schemas/resources/mission.ts";
import { decideMission } from "#operator/mission/decide.ts";
import { missionEvents } from "#operator/mission/events.ts";
import type { MissionSnapshot } from "#operator/mission/plan.ts";
import { computeMissionStatus } from "#operator/mission/status.ts";
import { missionTraceId } from "#nervous-system/schemas/traces.ts";
import { anAgent } from "#test/builders/agent.ts";
import { aFrame } from "#test/builders/frame.ts";
import { aMission } from "#test/builders/mission.ts";
import { condition } from "#test/builders/mission-snapshot.ts";
import { aNetwork } from "#test/builders/network.ts";
import { aModel, readyModelStatus } from "#test/builders/model.ts";

const at = "2026-11-23T10:00:00Z";
const agent = anAgent({
  status: {
    attempt: 1,
    completionTime: "2026-11-23T09:00:00Z",
    ledger: { lastSeq: 2, ackedSeq: 2 },
    conditions: [{ type: "Complete", status: "True", reason: "Succeeded", message: "", lastTransitionTime: at }],
  },
});

const snapshot = (status: MissionStatus | undefined, given: Partial<MissionSnapshot> = {}): MissionSnapshot => ({
  mission: aMission(status === undefined ? {} : { status }),
  stored: status ?? {},
  isTenant: true,
  agents: new Map(),
  pods: new Map(),
  taken: [],
  models: new Map([["scripted", aModel({ status: readyModelStatus })]]),
  personas: new Map(),
  secret: { kind: "answered", ok: true, reason: "Resolved", message: "" },
  network: aNetwork(),
  record: { healthy: true, message: "", position: 40 },
  fold: undefined,
  verifier: undefined,
  actsWait: false,
  gatewayAddress: "10.0.0.2",
  agentImage: agent.spec.image,
  verifierPauseMs: 1_000,
  nowMs: Date.parse(at),
  ...given,
});

const step = (given: MissionSnapshot): MissionStatus => computeMissionStatus(given, decideMission(given));
const statusOf = (status: MissionStatus, type: Parameters<typeof findCondition>[1]): string | undefined =>
  findCondition(status.conditions, type)?.status;

describe("computeMissionStatus", () => {
  it("marks where the record of an admitted mission begins", () => {
    const status = step(snapshot(undefined));
    expect(status).toMatchObject({
      phase: "Running",
      startTime: at,
      ledger: { firstSeq: 41, traceID: missionTraceId(aMission().metadata.uid) },
    });
    expect([statusOf(status, "Ready"), statusOf(status, "Accepted"), statusOf(status, "ResolvedRefs")]).toEqual([
      "True",
      "True",
      "True",
    ]);
  });

  it("sums up for how long agents are at work, and not while they are suspended", () => {
    const later = (given: MissionStatus, seconds: number, suspend: boolean): MissionStatus =>
      step(
        snapshot(undefined, {
          mission: aMission({ status: given, spec: { suspend } }),
          agents: new Map([[agent.metadata.name, anAgent()]]),
          nowMs: Date.parse(at) + seconds * 1_000,
        }),
      );
    const begun = later({}, 0, false);
    expect(begun).toMatchObject({ activeSince: at });
    expect(later(begun, 30, false)).toMatchObject({ activeSince: at });
    const paused = later(begun, 90, true);
    expect(paused).toMatchObject({ activeSeconds: 90, activeSince: undefined });
    expect(later(paused, 500, true)).toMatchObject({ activeSeconds: 90, activeSince: undefined });
    const resumed = later(paused, 600, false);
    expect(resumed).toMatchObject({ activeSeconds: 90, activeSince: "2026-11-23T10:10:00Z" });
    expect(later(resumed, 610, true)).toMatchObject({ activeSeconds: 100 });
  });

  it("counts the time of an agent whose program runs though its pod waits for somebody, and of no other", () => {
    const stalled = (phase: "Running" | "Pending") =>
      anAgent({ status: { phase, conditions: [condition("Stalled", "ScribeDied")] } });
    const after = (phase: "Running" | "Pending", status: MissionStatus, seconds: number): MissionStatus =>
      step(
        snapshot(undefined, {
          mission: aMission({ status, spec: { deadline: "2h" } }),
          agents: new Map([[agent.metadata.name, stalled(phase)]]),
          nowMs: Date.parse(at) + seconds * 1_000,
        }),
      );
    expect(after("Running", { activeSince: at }, 10)).toMatchObject({ phase: "Running", activeSince: at });
    expect(after("Running", { activeSince: at }, 7_200)).toMatchObject({
      phase: "Failed",
      activeSeconds: 7_200,
      outcome: { reason: "DeadlineExceeded" },
    });
    expect(after("Pending", { activeSince: at }, 10)).toMatchObject({ activeSeconds: 10, activeSince: undefined });
  });

  it("tells once why a mission over its budget is paused", () => {
    const suspended = anAgent({ spec: { suspend: true }, status: { conditions: [condition("Suspended", "x")] } });
    const over = snapshot(undefined, {
      mission: aMission({
        spec: { budget: { maxFrames: 1, onExceeded: "Pause" } },
        status: { usage: { frames: 2 } },
      }),
      agents: new Map([[suspended.metadata.name, suspended]]),
    });
    const told = missionEvents({ phase: "Running" }, step(over)).map(({ reason, note }) => [reason, note]);
    expect(told).toEqual([
      ["BudgetExceeded", expect.stringContaining("It has written 2 frames")],
      ["Suspended", "Its pods are stopped."],
    ]);
  });

  it("tells what models cost in dollars", () => {
    const folded = emptyMission("m");
    const fold = { ...folded, usage: { ...folded.usage, frames: 9, nanoUsd: 1_250_000_001 } };
    expect(step(snapshot({}, { fold })).usage).toMatchObject({ frames: 9, costUSD: "1.250000001" });
    expect(step(snapshot({}, { fold: folded })).usage).not.toHaveProperty("costUSD");
  });

  it("says which reference is missing and stalls", () => {
    const status = step(snapshot(undefined, { models: new Map() }));
    expect(statusOf(status, "Accepted")).toBe("True");
    expect(statusOf(status, "ResolvedRefs")).toBe("False");
    expect(statusOf(status, "Stalled")).toBe("True");
    expect(findCondition(status.conditions, "Ready")).toMatchObject({ status: "False", reason: "ModelNotFound" });
    expect(status.startTime).toBeUndefined();
  });

  it("waits as Reconciling where nobody has to act", () => {
    const status = step(snapshot(undefined, { record: { healthy: false, message: "away", position: 0 } }));
    expect([statusOf(status, "Reconciling"), statusOf(status, "Stalled"), statusOf(status, "Recording")]).toEqual([
      "True",
      undefined,
      "False",
    ]);
  });

  it("is not recorded while an agent of it is not, though the operator reads the stream", () => {
    const lost = { status: "False" as const, message: "No frame.", lastTransitionTime: at };
    const told = { ...condition("Recording", "RecordingUnhealthy"), ...lost };
    const silent = { ...agent, status: { conditions: [told] } };
    const status = step(snapshot(undefined, { agents: new Map([[silent.metadata.name, silent]]) }));
    expect(findCondition(status.conditions, "Recording")).toMatchObject({
      status: "False",
      reason: "RecordingUnhealthy",
      message: `Agent "${silent.metadata.name}": No frame.`,
    });
  });

  it("lists the pull request and ends Complete and Ready", () => {
    const fold = {
      ...emptyMission("m"),
      lastSeq: 50,
      agents: {
        [agent.metadata.uid]: {
          ...emptyAgent,
          epoch: 1,
          seq: 2,
          proposals: {
            epoch: 1,
            open: [],
            tooMany: false,
            published: {
              eventId: "p",
              epoch: 1,
              seq: 2,
              publication: {
                state: "open" as const,
                url: "https://f/1",
                number: 1,
                branch: "b",
                head: "c",
                reason: "",
                message: "",
                atMs: Date.parse("2026-11-23T09:58:00Z"),
              },
            },
          },
        },
      },
    };
    const before = step(snapshot(undefined));
    const given = snapshot(before, { agents: new Map([[agent.metadata.name, agent]]), fold });
    const status = step(given);
    expect(status).toMatchObject({
      phase: "Complete",
      completionTime: at,
      agentsSummary: "1/1",
      pullRequests: [{ url: "https://f/1", number: 1, headSHA: "c", state: "open", seenTime: "2026-11-23T09:58:00Z" }],
      outcome: { reason: "Published" },
      ledger: { firstSeq: 41, lastSeq: 50 },
    });
    expect([statusOf(status, "Ready"), statusOf(status, "Complete"), statusOf(status, "Failed")]).toEqual([
      "True",
      "True",
      undefined,
    ]);
    expect(missionEvents(before, status).map(({ reason }) => reason)).toEqual(["Published", "Published"]);
    const again = snapshot(status, { agents: given.agents, fold, nowMs: Date.parse(at) + 60_000 });
    expect(step(again)).toEqual(status);
  });

  it("says of a mission that has ended what became of its pull request, and keeps what it used", () => {
    const opened = { url: "https://f/1", number: 1, headSHA: "c", state: "open" as const, seenTime: at };
    const used = { frames: 900, inputTokens: 5, outputTokens: 6, modelCalls: 7 };
    const conditions = [condition("Complete", "CriteriaMet")];
    const outcome = { reason: "CriteriaMet", message: "All hold at c." };
    const before: MissionStatus = { startTime: at, conditions, outcome, pullRequests: [opened], usage: used };
    const said = { state: "merged", url: "https://f/1", number: 1, head: "c", branch: "b", proposal_seq: 7 };
    const about = { agent_uid: agent.metadata.uid, epoch: 1 };
    const told = { event_type: "PUBLICATION", producer: "supervisor", seq: 1, agent_uid: "publisher", about } as const;
    // An operator that began to read behind the mission's end knows nothing else of it.
    const fold = reduceMission(emptyMission("m"), aFrame(60, told, said));
    const after = step(snapshot(before, { agents: new Map([[agent.metadata.name, agent]]), fold }));
    expect(after).toMatchObject({ phase: "Complete", usage: used, outcome });
    expect(after.pullRequests).toMatchObject([{ url: "https://f/1", headSHA: "c", state: "merged" }]);
    expect(missionEvents(before, after).map(({ note }) => note)).toEqual(["Pull request https://f/1 is merged."]);
  });

  it("is what the schema allows, however much an agent said", () => {
    const noisy = anAgent({
      status: {
        conditions: [
          {
            type: "Failed",
            status: "True",
            reason: "AttemptsExhausted",
            message: "x".repeat(32_000),
            lastTransitionTime: at,
          },
        ],
      },
    });
    const status = step(snapshot(step(snapshot(undefined)), { agents: new Map([[noisy.metadata.name, noisy]]) }));
    expect(missionDefinition.status.safeParse(status).success).toBe(true);
    expect([statusOf(status, "Ready"), statusOf(status, "Stalled"), statusOf(status, "Failed")]).toEqual([
      "False",
      "True",
      "True",
    ]);
  });
});
