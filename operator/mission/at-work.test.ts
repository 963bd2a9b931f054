import { describe, expect, it } from "@jest/globals";
import type { MissionStatus } from "#nervous-system/schemas/resources/mission.ts";
import type { AgentStatus } from "#nervous-system/schemas/resources/agent.ts";
import { decideMission } from "#operator/mission/decide.ts";
import type { MissionSnapshot } from "#operator/mission/plan.ts";
import { computeMissionStatus } from "#operator/mission/status.ts";
import { podFacts } from "#operator/pod/facts.ts";
import { anAgent } from "#test/builders/agent.ts";
import { aMission } from "#test/builders/mission.ts";
import { condition, doneStatus, named, snapshot } from "#test/builders/mission-snapshot.ts";
import { endedStatus, runningStatus, type PodStatus } from "#test/builders/pod-status.ts";
import { aPod } from "#test/builders/pod.ts";

/** The deadline's hour was over at 09:30; it is 10:00, and an operator that was away looks for the first time. */
const late: MissionStatus = { startTime: "2026-11-23T08:30:00Z", activeSince: "2026-11-23T08:30:00Z" };

const endedAt = (finishedAt: string, exitCode = 0): PodStatus => {
  const { containerStatuses = [], ...status } = endedStatus({ exitCode });
  const at = (container: (typeof containerStatuses)[number]) => ({
    ...container,
    state: { terminated: { ...container.state!.terminated!, finishedAt } },
  });
  return { ...status, containerStatuses: containerStatuses.map(at) };
};

const seen = (pod: PodStatus | undefined, agent: AgentStatus, status = late): MissionSnapshot =>
  snapshot({
    mission: aMission({ spec: { deadline: "1h" }, status }),
    agents: named(anAgent({ status: agent })),
    pods: new Map(pod === undefined ? [] : [["fix-bug-coder", podFacts(aPod({ status: pod }))]]),
  });

const atWork: AgentStatus = { attempt: 1, phase: "Running", podName: "fix-bug-coder-1", podUID: "u" };
const retrying: AgentStatus = {
  ...atWork,
  phase: "Retrying",
  history: [{ attempt: 1, reason: "AttemptFailed", endTime: "2026-11-23T10:00:00Z" }],
};
const inTime = "2026-11-23T09:10:00Z";
const tooLate = "2026-11-23T09:40:00Z";

const told = (given: MissionSnapshot) => {
  const plan = decideMission(given);
  const { activeSeconds, activeSince } = computeMissionStatus(given, plan);
  return { phase: plan.phase, reason: plan.reason, activeSeconds, activeSince };
};

describe("a deadline that is judged by an operator that was away", () => {
  it.each<[string, MissionSnapshot, object]>([
    ["the agent works on", seen(runningStatus(), atWork), { phase: "Failed", reason: "DeadlineExceeded" }],
    [
      "the agent ended in time, and its Agent does not say so yet",
      seen(endedAt(inTime), atWork),
      { phase: "Running", activeSeconds: 2_400, activeSince: undefined },
    ],
    [
      "the agent ended too late, and its Agent does not say yet whether well",
      seen(endedAt(tooLate), atWork),
      { phase: "Running", activeSeconds: 4_200, activeSince: undefined },
    ],
    [
      "its pod is gone, and its Agent does not say yet how it ended",
      seen(undefined, atWork),
      { phase: "Running", activeSince: late.activeSince },
    ],
    [
      "an attempt failed in time, and the next one has not begun",
      seen(endedAt(inTime, 1), retrying),
      { phase: "Running", activeSeconds: 2_400, activeSince: undefined },
    ],
    [
      "an attempt failed too late",
      seen(endedAt(tooLate, 1), retrying),
      { phase: "Failed", reason: "DeadlineExceeded" },
    ],
    [
      "an attempt failed in time and was counted, and the next one works",
      seen(
        runningStatus(),
        { ...retrying, phase: "Running", attempt: 2 },
        { ...late, activeSeconds: 2_400, activeSince: "2026-11-23T09:55:00Z" },
      ),
      { phase: "Running", activeSeconds: 2_400, activeSince: "2026-11-23T09:55:00Z" },
    ],
    ["it finished", seen(endedAt(tooLate), doneStatus), { phase: "Publishing", activeSeconds: 4_200 }],
    ["no attempt has begun", seen(undefined, {}), { phase: "Failed", reason: "DeadlineExceeded" }],
  ])("%s", (_case, given, expected) => {
    expect(told(given)).toMatchObject(expected);
  });

  it("looks again, and not at once, while an end is not told", () => {
    const { outcome } = decideMission(seen(endedAt(tooLate), atWork));
    expect(outcome).toMatchObject({ kind: "waiting", recheckMs: 1_000 });
  });

  it("counts on while another agent of the team works", () => {
    const second = anAgent({ metadata: { name: "fix-bug-second" }, status: atWork });
    const first = seen(endedAt(inTime), { ...doneStatus, conditions: [condition("Complete", "Succeeded")] });
    const given = {
      ...first,
      agents: new Map([...first.agents, ["fix-bug-second", second]]),
      pods: new Map([...first.pods, ["fix-bug-second", podFacts(aPod({ owner: second, status: runningStatus() }))]]),
    };
    expect(told(given)).toMatchObject({ phase: "Failed", reason: "DeadlineExceeded", activeSeconds: 5_400 });
  });
});
