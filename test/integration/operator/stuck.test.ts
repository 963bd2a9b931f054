import { describe, expect, it, jest } from "@jest/globals";
import { findCondition, type ConditionType } from "#nervous-system/schemas/conditions.ts";
import { endedStatus, runningStatus, type PodStatus } from "#test/builders/pod-status.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { wholeLife } from "#test/integration/operator/kubelet.ts";
import { missionStage } from "#test/integration/operator/mission-stage.ts";
import { chainBuilder } from "#test/integration/pipeline/chain-builder.ts";

jest.setTimeout(120_000);

const stage = missionStage();
const { agent, eventsOf, mission, missionIs, modelIsReady, operate, patchMission, submit } = stage;

const runs = async (): Promise<void> =>
  eventually("the agent runs", async () => (await agent())?.status?.phase === "Running");

const told = async (type: ConditionType) => findCondition((await mission())?.status?.conditions, type);

const action = {
  event_type: "ACTION",
  payload: { tool: "run_command", arguments: { command: "npm test" }, ok: false },
};

/** The agent's chain, once it runs. */
const chainOfAgent = async () => {
  await runs();
  const [{ metadata }, of] = [(await mission())!, (await agent())!.metadata];
  return chainBuilder({ mission_uid: metadata.uid, mission: "fix-bug", namespace: stage.namespace, agent_uid: of.uid });
};

describe("a mission whose agent does the same again and again", () => {
  it("pauses, whichever operator saw how much of it, and goes on after a suspension", async () => {
    stage.kubelet.script(/-1$/, runningStatus());
    stage.kubelet.script(/-2$/, ...wholeLife());
    operate();
    await modelIsReady();
    await submit({ stuck: { action: "Pause" } });
    const chain = await chainOfAgent();
    const { publisher } = stage.world.bus;
    await publisher.publish([1, 2, 3, 4].map(() => chain.next(action)));
    await eventually("four are counted", async () => (await mission())?.status?.usage?.frames === 4);
    expect(await told("Stuck")).toBeUndefined();
    await stage.stopOperators();
    operate();
    await publisher.publish([chain.next(action)]);
    await missionIs("Suspended");
    expect(await told("Stuck")).toMatchObject({
      status: "True",
      reason: "RepeatedAction",
      message: 'Agent "fix-bug-coder" has done the same 5 times in a row: Running npm test.',
    });
    await eventually("the agent says why", async () =>
      /Its mission waits: .* 5 times in a row/.test(
        findCondition((await agent())?.status?.conditions, "Suspended")?.message ?? "",
      ),
    );
    await patchMission({ spec: { suspend: true } });
    await eventually("it is a person's suspension", async () => (await told("Stuck")) === undefined);
    await patchMission({ spec: { suspend: false } });
    await missionIs("Complete");
    expect(stage.kubelet.seen()).toEqual(["fix-bug-coder-1", "fix-bug-coder-2"]);
    await stage.stopOperators();
    const all = await eventsOf("Mission");
    expect(all.filter((reason) => reason === "RepeatedAction")).toHaveLength(1);
  });

  it("is warned of in a condition and an Event, without being asked to", async () => {
    stage.kubelet.script(/-1$/, runningStatus());
    operate();
    await modelIsReady();
    await submit();
    const chain = await chainOfAgent();
    await stage.world.bus.publisher.publish([1, 2, 3, 4, 5].map(() => chain.next(action)));
    await eventually("it is told", async () => (await told("Stuck"))?.reason === "RepeatedAction");
    const other = { ...action, payload: { ...action.payload, arguments: { command: "ls" } } };
    await stage.world.bus.publisher.publish([chain.next(other)]);
    await eventually("it is so no more", async () => (await told("Stuck")) === undefined);
    expect((await agent())?.status?.phase).toBe("Running");
    await stage.stopOperators();
    expect(await eventsOf("Mission")).toEqual(["Admitted", "RepeatedAction"]);
  });
});

describe("a mission whose scribe dies again and again", () => {
  const dying = (): PodStatus => {
    const status = runningStatus();
    const lastState = { terminated: { exitCode: 137, reason: "OOMKilled", finishedAt: "2026-11-23T09:05:00Z" } };
    const initContainerStatuses = (status.initContainerStatuses ?? []).map((container) =>
      container.name === "scribe" ? { ...container, restartCount: 2, lastState } : container,
    );
    return { ...status, initContainerStatuses };
  };

  it("pauses once its grace is over, tells it in condition Recording and an Event, and goes on after a suspension", async () => {
    stage.kubelet.script(/-1$/, dying());
    stage.kubelet.script(/-2$/, ...wholeLife());
    operate();
    await modelIsReady();
    await submit({ recording: { grace: "3s" } });
    await missionIs("Suspended");
    expect(await told("Recording")).toMatchObject({
      status: "False",
      reason: "RecordingLost",
      message: expect.stringMatching(/^Agent "fix-bug-coder" has worked unrecorded since .*: The scribe ended 2 times/),
    });
    await patchMission({ spec: { suspend: true } });
    await eventually("it is a person's suspension", async () => (await told("Stalled")) === undefined);
    await patchMission({ spec: { suspend: false } });
    await missionIs("Complete");
    expect(stage.kubelet.seen()).toEqual(["fix-bug-coder-1", "fix-bug-coder-2"]);
    await stage.stopOperators();
    const all = await eventsOf("Mission");
    expect(all.filter((reason) => reason === "RecordingLost")).toHaveLength(1);
  });

  it("goes on where it is to", async () => {
    stage.kubelet.script(/-1$/, dying());
    operate();
    await modelIsReady();
    const { spec } = await submit({ recording: { grace: "1s", onLoss: "Continue" } });
    expect(spec.recording).toEqual({ grace: "1s", onLoss: "Continue" });
    await eventually("it is not recorded", async () =>
      /The scribe ended/.test((await told("Recording"))?.message ?? ""),
    );
    await stage.kubelet.report("fix-bug-coder-1", endedStatus({ scribe: { lastSeq: 0, ackedSeq: 0 } }));
    await missionIs("Complete");
    expect((await agent())?.spec).not.toHaveProperty("recording");
  });
});

it("takes no duration below a minute, and no limit below two", async () => {
  await expect(submit({ stuck: { idle: "59s" } })).rejects.toThrow("idle is a minute at least");
  await expect(submit({ stuck: { repeatedActionLimit: 1 } })).rejects.toThrow("should be greater than or equal to 2");
  const { spec } = await submit({ stuck: {} });
  expect(spec.stuck).toEqual({ repeatedActionLimit: 5, idle: "15m", action: "Warn" });
});
