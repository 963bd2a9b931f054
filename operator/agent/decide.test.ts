import { describe, expect, it } from "@jest/globals";
import { Reason } from "#nervous-system/schemas/conditions.ts";
import type { AgentStatus } from "#nervous-system/schemas/resources/agent.ts";
import { decideAgent } from "#operator/agent/decide.ts";
import type { AgentSnapshot } from "#operator/agent/plan.ts";
import { computeAgentStatus } from "#operator/agent/status.ts";
import { podFacts } from "#operator/pod/facts.ts";
import { anAgentSnapshot } from "#test/builders/agent-snapshot.ts";
import { anAgent } from "#test/builders/agent.ts";
import { aNetwork } from "#test/builders/network.ts";
import { aMission } from "#test/builders/mission.ts";
import { condition } from "#test/builders/mission-snapshot.ts";
import {
  diskExceededStatus,
  disruptedStatus,
  endedStatus,
  fetchFailedStatus,
  lingeringStatus,
  lostStatus,
  otherInitStatus,
  runningStatus,
  scribeDownStatus,
  unschedulableStatus,
  waitingStatus,
  type PodStatus,
} from "#test/builders/pod-status.ts";
import { aPod } from "#test/builders/pod.ts";

const snapshot = anAgentSnapshot;

const firstAttempt: AgentStatus = {
  attempt: 1,
  podName: "fix-bug-coder-1",
  podUID: "2b6f0000-0000-4000-8000-000000000001",
};
const withPod = (status: PodStatus, agentStatus: AgentStatus = firstAttempt): AgentSnapshot =>
  snapshot({
    agent: anAgent({ status: agentStatus }),
    pod: podFacts(aPod({ attempt: agentStatus.attempt ?? 1, status })),
  });

const takenBack = { kind: "answered", ok: false, reason: Reason.SecretNotAllowed, message: "label it" } as const;
const secondAttempt: AgentStatus = {
  ...firstAttempt,
  failures: 1,
  history: [{ attempt: 1, reason: "AttemptFailed", endTime: "2026-11-23T09:00:00Z" }],
};

const actsOf = (given: AgentSnapshot): string[] => decideAgent(given).acts.map(({ kind }) => kind);

const fetchFailed = (reason: string): AgentSnapshot => withPod(fetchFailedStatus(reason, "the forge said so"));

/** The case name is the specification. */
const table: ReadonlyArray<{
  name: string;
  given: AgentSnapshot;
  phase: string;
  reason: string;
  acts: string[];
  kind: string;
}> = [
  {
    name: "a new Agent persists attempt 1 and makes its pod",
    given: snapshot(),
    phase: "Starting",
    reason: Reason.PodPending,
    acts: ["createPod"],
    kind: "waiting",
  },
  {
    name: "no policy, no pod: not for a first attempt",
    given: snapshot({ network: { ...aNetwork(), policies: [] } }),
    phase: "Pending",
    reason: Reason.NetworkPolicyMissing,
    acts: [],
    kind: "waiting",
  },
  {
    name: "no policy, no pod: not for one that was persisted",
    given: snapshot({
      agent: anAgent({ status: { attempt: 1, podName: "fix-bug-coder-1" } }),
      network: { ...aNetwork(), policies: [] },
    }),
    phase: "Pending",
    reason: Reason.NetworkPolicyMissing,
    acts: [],
    kind: "waiting",
  },
  {
    name: "an attempt that was persisted before a crash gets its pod under the same number",
    given: snapshot({ agent: anAgent({ status: { attempt: 1, podName: "fix-bug-coder-1" } }) }),
    phase: "Starting",
    reason: Reason.PodPending,
    acts: ["createPod"],
    kind: "waiting",
  },
  {
    name: "a later attempt waits until it is known what the last one kept",
    given: snapshot({ agent: anAgent({ status: { attempt: 1, podName: "fix-bug-coder-1" } }), framesAreLive: false }),
    phase: "Pending",
    reason: Reason.RecordingUnhealthy,
    acts: [],
    kind: "waiting",
  },
  {
    name: "a first attempt has nothing to wait for",
    given: snapshot({ framesAreLive: false }),
    phase: "Starting",
    reason: Reason.PodPending,
    acts: ["createPod"],
    kind: "waiting",
  },
  {
    name: "without a live look at the pod nothing is started",
    given: snapshot({ agent: anAgent({ status: { attempt: 1 } }), podIsLive: false }),
    phase: "Pending",
    reason: Reason.PodPending,
    acts: [],
    kind: "done",
  },
  {
    name: "a mission that is gone starts nothing",
    given: snapshot({ mission: undefined }),
    phase: "Pending",
    reason: Reason.MissionNotFound,
    acts: [],
    kind: "waiting",
  },
  {
    name: "a mission that was made anew under the name of this Agent's starts nothing, whatever it mounts",
    given: snapshot({ mission: aMission({ metadata: { uid: "00000000-0000-4000-8000-00000000000e" } }) }),
    phase: "Pending",
    reason: Reason.MissionNotFound,
    acts: [],
    kind: "waiting",
  },
  {
    name: "an Agent that no mission owns starts nothing",
    given: snapshot({ agent: anAgent({ metadata: { ownerReferences: [] } }) }),
    phase: "Pending",
    reason: Reason.MissionNotFound,
    acts: [],
    kind: "waiting",
  },
  {
    name: "a Secret whose label or annotation was taken back is mounted into no further attempt",
    given: snapshot({ agent: anAgent({ status: secondAttempt }), secret: takenBack }),
    phase: "Pending",
    reason: Reason.SecretNotAllowed,
    acts: [],
    kind: "waiting",
  },
  {
    name: "an attempt that was persisted before a crash is judged, too",
    given: snapshot({ agent: anAgent({ status: { attempt: 1, podName: "fix-bug-coder-1" } }), secret: takenBack }),
    phase: "Pending",
    reason: Reason.SecretNotAllowed,
    acts: [],
    kind: "waiting",
  },
  {
    name: "without the gateway's word nothing is started",
    given: snapshot({ secret: { kind: "unavailable", message: "ECONNREFUSED" } }),
    phase: "Pending",
    reason: Reason.CheckUnavailable,
    acts: [],
    kind: "waiting",
  },
  {
    name: "a gateway that was not asked has said nothing",
    given: snapshot({ secret: undefined }),
    phase: "Pending",
    reason: Reason.CheckUnavailable,
    acts: [],
    kind: "waiting",
  },
  {
    name: "a Model that was deleted is named",
    given: snapshot({ model: undefined }),
    phase: "Pending",
    reason: Reason.ModelNotFound,
    acts: [],
    kind: "waiting",
  },
  {
    name: "a working pod is Running",
    given: withPod(runningStatus()),
    phase: "Running",
    reason: Reason.PodRunning,
    acts: [],
    kind: "done",
  },
  {
    name: "an image that cannot be pulled is told, and waited for",
    given: withPod(waitingStatus("ImagePullBackOff", "not found")),
    phase: "Starting",
    reason: Reason.ImagePullFailed,
    acts: [],
    kind: "waiting",
  },
  {
    name: "a pod that no node takes is told, and waited for",
    given: withPod(unschedulableStatus("0/1 nodes are available: 1 Insufficient cpu.")),
    phase: "Starting",
    reason: Reason.PodUnschedulable,
    acts: [],
    kind: "waiting",
  },
  {
    name: "exit 0 is success, and the pod is released",
    given: withPod(endedStatus()),
    phase: "Succeeded",
    reason: Reason.Succeeded,
    acts: ["releasePod"],
    kind: "done",
  },
  {
    name: "a failed attempt is retried after a pause",
    given: withPod(endedStatus({ exitCode: 1 })),
    phase: "Retrying",
    reason: Reason.AttemptFailed,
    acts: ["releasePod"],
    kind: "waiting",
  },
  {
    name: "the last attempt that fails ends the Agent",
    given: withPod(endedStatus({ exitCode: 1 }), { ...firstAttempt, attempt: 3, failures: 2 }),
    phase: "Failed",
    reason: Reason.AttemptsExhausted,
    acts: ["releasePod"],
    kind: "stalled",
  },
  {
    name: "exit 2 is never tried again",
    given: withPod(endedStatus({ exitCode: 2 })),
    phase: "Failed",
    reason: Reason.NotRetryable,
    acts: ["releasePod"],
    kind: "stalled",
  },
  {
    name: "memory beyond the limit counts as a failure",
    given: withPod(endedStatus({ exitCode: 137, agentReason: "OOMKilled" })),
    phase: "Retrying",
    reason: Reason.OutOfMemory,
    acts: ["releasePod"],
    kind: "waiting",
  },
  {
    name: "its own use of the disk counts as a failure",
    given: withPod(diskExceededStatus(), { ...firstAttempt, attempt: 3, failures: 2 }),
    phase: "Failed",
    reason: Reason.AttemptsExhausted,
    acts: ["releasePod"],
    kind: "stalled",
  },
  ...["PreemptionByScheduler", "DeletionByTaintManager", "EvictionByEvictionAPI", "TerminationByKubelet"].map(
    (reason) => ({
      name: `a disruption (${reason}) does not count, however many attempts failed before`,
      given: withPod(disruptedStatus(reason), { ...firstAttempt, attempt: 3, failures: 2 }),
      phase: "Retrying",
      reason: Reason.Evicted as string,
      acts: ["releasePod"],
      kind: "waiting",
    }),
  ),
  {
    name: "the eleventh disruption ends the Agent",
    given: withPod(disruptedStatus("EvictionByEvictionAPI"), { ...firstAttempt, attempt: 11, disruptions: 10 }),
    phase: "Failed",
    reason: Reason.DisruptedTooOften,
    acts: ["releasePod"],
    kind: "stalled",
  },
  {
    name: "a pod that was forced away, finalizer and all, is a disruption",
    given: snapshot({ agent: anAgent({ status: firstAttempt }) }),
    phase: "Retrying",
    reason: Reason.PodDeleted,
    acts: [],
    kind: "waiting",
  },
  ...[Reason.RepositoryNotFound, Reason.AuthenticationFailed, Reason.RefNotFound].map((reason) => ({
    name: `${reason} is not tried again`,
    given: fetchFailed(reason),
    phase: "Failed",
    reason: reason as string,
    acts: ["releasePod"],
    kind: "stalled",
  })),
  ...[Reason.HostNotFound, Reason.HostNotAllowed].map((reason) => ({
    name: `${reason} ends the Agent after a few tries`,
    given: withPod(fetchFailedStatus(reason, "git.example.org"), { ...firstAttempt, attempt: 3, failures: 2 }),
    phase: "Failed",
    reason: Reason.AttemptsExhausted as string,
    acts: ["releasePod"],
    kind: "stalled",
  })),
  ...[Reason.RepositoryUnreachable, Reason.CollectorUnreachable, Reason.SecretNotAllowed].map((reason) => ({
    name: `a fetch that no fault of the mission's kept from its work is tried again: ${reason}`,
    given: fetchFailed(reason),
    phase: "Retrying",
    reason: reason as string,
    acts: ["releasePod"],
    kind: "waiting",
  })),
  {
    name: "an agent that has ended is waited for a while where another's container keeps its pod alive",
    given: { ...withPod(lingeringStatus(0)), nowMs: Date.parse("2026-11-23T09:01:05Z") },
    phase: "Draining",
    reason: Reason.Draining,
    acts: [],
    kind: "waiting",
  },
  {
    name: "a pod that another's container keeps alive is stopped once its agent has ended",
    given: withPod(lingeringStatus(0)),
    phase: "Draining",
    reason: Reason.Draining,
    acts: ["deletePod"],
    kind: "waiting",
  },
  ...(
    [
      [0, "Succeeded", Reason.Succeeded, "done"],
      [1, "Retrying", Reason.AttemptFailed, "waiting"],
      [2, "Failed", Reason.NotRetryable, "stalled"],
    ] as const
  ).map(([exitCode, phase, reason, kind]) => ({
    name: `an agent that exited ${exitCode} before its pod was deleted ended by itself`,
    given: snapshot({
      agent: anAgent({ status: firstAttempt }),
      pod: podFacts(
        aPod({
          status: { ...lingeringStatus(exitCode), initContainerStatuses: endedStatus().initContainerStatuses ?? [] },
          metadata: { deletionTimestamp: "2026-11-23T09:01:12Z", deletionGracePeriodSeconds: 0 },
        }),
      ),
    }),
    phase,
    reason: reason as string,
    acts: ["releasePod"],
    kind,
  })),
  {
    name: "an agent that failed before its node was drained has failed",
    given: withPod({
      ...disruptedStatus("EvictionByEvictionAPI"),
      conditions: disruptedStatus("EvictionByEvictionAPI").conditions!.map((condition) => ({
        ...condition,
        lastTransitionTime: "2026-11-23T09:01:30Z",
      })),
    }),
    phase: "Retrying",
    reason: Reason.AttemptFailed,
    acts: ["releasePod"],
    kind: "waiting",
  },
  ...(
    [
      ["Unknown", 255],
      ["ContainerStatusUnknown", 137],
    ] as const
  ).map(([reason, exitCode]) => ({
    name: `a container that its node lost (${reason}) is a disruption, however many attempts failed before`,
    given: withPod(lostStatus(reason, exitCode), { ...firstAttempt, attempt: 3, failures: 2 }),
    phase: "Retrying",
    reason: Reason.ContainerLost as string,
    acts: ["releasePod"],
    kind: "waiting",
  })),
  {
    name: "exit code 255 of the agent's own counts as a failure",
    given: withPod(endedStatus({ exitCode: 255 }), { ...firstAttempt, attempt: 3, failures: 2 }),
    phase: "Failed",
    reason: Reason.AttemptsExhausted,
    acts: ["releasePod"],
    kind: "stalled",
  },
  {
    name: "another's init container that fails counts as a failure",
    given: withPod(otherInitStatus({ terminated: { exitCode: 1, reason: "Error" } })),
    phase: "Retrying",
    reason: Reason.AttemptFailed,
    acts: ["releasePod"],
    kind: "waiting",
  },
  {
    name: "a scribe that ends again and again while the agent works is told",
    given: withPod(scribeDownStatus()),
    phase: "Running",
    reason: Reason.RecordingUnhealthy,
    acts: [],
    kind: "waiting",
  },
  {
    name: "a suspended Agent stops its pod",
    given: { ...withPod(runningStatus()), agent: anAgent({ spec: { suspend: true }, status: firstAttempt }) },
    phase: "Draining",
    reason: Reason.Draining,
    acts: ["deletePod"],
    kind: "waiting",
  },
  {
    name: "a suspended Agent without a pod makes none",
    given: snapshot({ agent: anAgent({ spec: { suspend: true } }) }),
    phase: "Suspended",
    reason: Reason.Suspended,
    acts: [],
    kind: "done",
  },
];

describe("decideAgent", () => {
  it("does not take an agent that ended well for done while its scribe left no word of where it stopped", () => {
    const silent = endedStatus();
    const [fetch, ports, scribe] = silent.initContainerStatuses ?? [];
    const killed = { ...scribe!, state: { terminated: { exitCode: 137, reason: "OOMKilled" } } };
    const given = withPod({ ...silent, initContainerStatuses: [fetch!, ports!, killed] });
    const plan = decideAgent(given);
    expect(plan).toMatchObject({ phase: "Retrying", reason: Reason.RecordGap });
    expect(plan.message).toContain("its scribe left no word of where it stopped (OOMKilled, exit code 137)");
    expect(computeAgentStatus(given, plan)).toMatchObject({ failures: 1 });
  });

  it("says of an Agent whose mission ended over its budget why it is suspended", () => {
    const failed = { ...condition("Failed", Reason.BudgetExceeded), message: "It has written 101 frames." };
    const mission = aMission({ status: { conditions: [failed] } });
    const plan = decideAgent(snapshot({ mission, agent: anAgent({ spec: { suspend: true } }) }));
    expect(plan).toMatchObject({ phase: "Suspended", reason: Reason.BudgetExceeded });
    expect(plan.message).toBe("Its mission is over: It has written 101 frames.");
  });

  it("says of an Agent whose mission waits for a larger budget why it is suspended", () => {
    const stalled = { ...condition("Stalled", Reason.BudgetExceeded), message: "It has written 101 frames." };
    const agent = anAgent({ spec: { suspend: true } });
    const of = (stall: typeof stalled) =>
      decideAgent(snapshot({ mission: aMission({ status: { conditions: [stall] } }), agent }));
    expect(of(stalled).message).toBe("Its mission waits: It has written 101 frames.");
    expect(of({ ...stalled, reason: Reason.ModelNotPriced }).reason).toBe(Reason.ModelNotPriced);
    expect(of({ ...stalled, reason: Reason.SecretNotFound }).reason).toBe(Reason.Suspended);
  });

  it("says of an Agent whose mission a person paused who did, and of one that was cancelled", () => {
    const agent = anAgent({ spec: { suspend: true } });
    const lastIntervention = { uid: "u", name: "i", kind: "Pause", by: "ann", at: "2026-11-23T09:00:00Z" } as const;
    const paused = decideAgent(snapshot({ mission: aMission({ status: { lastIntervention } }), agent }));
    expect(paused).toMatchObject({ reason: Reason.Paused, message: "Its mission is paused by ann" });
    const failed = { ...condition("Failed", Reason.Cancelled), message: "Cancelled by ann" };
    const cancelled = decideAgent(snapshot({ mission: aMission({ status: { conditions: [failed] } }), agent }));
    expect(cancelled).toMatchObject({ reason: Reason.Cancelled, message: "Its mission is over: Cancelled by ann" });
  });

  it("says what stopped the pod of an Agent that is suspended: what holds its mission, and not a suspension that is none", () => {
    const stopped = {
      agent: anAgent({ spec: { suspend: true }, status: firstAttempt }),
      pod: podFacts(
        aPod({ status: endedStatus({ exitCode: 143 }), metadata: { deletionTimestamp: "2026-11-23T09:00:59Z" } }),
      ),
    };
    const of = (mission: AgentSnapshot["mission"]) => decideAgent(snapshot({ ...stopped, mission })).message;
    const over = { ...condition("Stalled", Reason.BudgetExceeded), message: "It has written 101 frames." };
    expect(of(aMission({ status: { conditions: [over] } }))).toMatch(
      /was stopped because its mission is paused: It has written 101 frames\.$/,
    );
    const late = { ...condition("Failed", Reason.DeadlineExceeded), message: "It took 2h." };
    expect(of(aMission({ status: { conditions: [over, late] } }))).toMatch(
      /because its mission is over: It took 2h\.$/,
    );
    expect(of(aMission({ spec: { suspend: true }, status: { conditions: [over] } }))).toMatch(
      /because the mission is suspended\.$/,
    );
    expect(of(aMission())).toMatch(/because the Agent is suspended\.$/);
  });

  it("stalls where a person must give the Secret back, and waits where only the gateway is away", () => {
    const of = (secret: AgentSnapshot["secret"]) => decideAgent(snapshot({ secret })).stalled;
    expect(of(takenBack)).toBe(true);
    expect(of({ kind: "unavailable", message: "ECONNREFUSED" })).toBe(false);
  });

  for (const { name, given, phase, reason, acts, kind } of table) {
    it(name, () => {
      const plan = decideAgent(given);
      expect({
        phase: plan.phase,
        reason: plan.reason,
        acts: plan.acts.map((act) => act.kind),
        kind: plan.outcome.kind,
      }).toEqual({ phase, reason, acts, kind });
    });
  }

  it("starts attempt 2 only when the pause is over", () => {
    const at = (endTime: string): AgentSnapshot =>
      snapshot({
        agent: anAgent({
          status: {
            ...firstAttempt,
            failures: 1,
            history: [{ attempt: 1, reason: Reason.AttemptFailed, endTime, disruption: false }],
          },
        }),
      });
    expect(decideAgent(at("2026-11-23T09:59:55Z")).outcome).toMatchObject({ kind: "waiting", recheckMs: 5_000 });
    expect(actsOf(at("2026-11-23T09:59:55Z"))).toEqual([]);
    expect(decideAgent(at("2026-11-23T09:59:50Z")).acts).toEqual([{ kind: "createPod", attempt: 2 }]);
  });

  it("lengthens the pause with every failure", () => {
    const pauses = [1, 2, 3].map((failures) => {
      const plan = decideAgent(
        withPod(endedStatus({ exitCode: 1 }), { ...firstAttempt, attempt: failures, failures: failures - 1 }),
      );
      return plan.outcome.kind === "waiting" ? plan.outcome.recheckMs : plan.phase;
    });
    expect(pauses).toEqual([10_000, 20_000, "Failed"]);
  });

  it("releases a pod whose end was recorded before a crash", () => {
    const history = [{ attempt: 1, reason: Reason.AttemptFailed, endTime: "2026-11-23T09:59:59Z" }];
    const given = withPod(endedStatus({ exitCode: 1 }), { ...firstAttempt, failures: 1, history });
    expect(actsOf(given)).toEqual(["releasePod"]);
  });

  it("counts the stop for suspend as neither failure nor disruption", () => {
    const agent = anAgent({ spec: { suspend: true }, status: firstAttempt });
    const pod = podFacts(
      aPod({ status: endedStatus({ exitCode: 143 }), metadata: { deletionTimestamp: "2026-11-23T09:00:59Z" } }),
    );
    const given = snapshot({ agent, pod });
    const plan = decideAgent(given);
    const status = computeAgentStatus(given, plan);
    expect(status).toMatchObject({ phase: "Suspended", failures: 0, disruptions: 0 });
    expect(status.history).toMatchObject([{ attempt: 1, reason: "Suspended" }]);
  });

  it("says which node is silent, and what to do about it", () => {
    const pod = podFacts(
      aPod({
        status: runningStatus(),
        metadata: { deletionTimestamp: "2026-11-23T09:50:00Z", deletionGracePeriodSeconds: 45 },
      }),
    );
    const plan = decideAgent(snapshot({ agent: anAgent({ status: firstAttempt }), pod }));
    expect(plan).toMatchObject({ reason: Reason.NodeUnreachable, stalled: true, acts: [] });
    expect(plan.message).toContain("node-1");
  });
});

describe("deletion of an Agent", () => {
  const deleting = (deletionTimestamp: string, pod?: PodStatus, podMeta = {}): AgentSnapshot =>
    anAgentSnapshot({
      agent: anAgent({ status: firstAttempt, metadata: { deletionTimestamp } }),
      pod: pod === undefined ? undefined : podFacts(aPod({ status: pod, metadata: podMeta })),
    });

  it("stops the pod and waits for its scribe", () => {
    const given = deleting("2026-11-23T10:00:00Z", runningStatus());
    expect(actsOf(given)).toEqual(["deletePod"]);
    expect(decideAgent(given).outcome.kind).toBe("waiting");
  });

  it("lets go when the record is whole", () => {
    expect(actsOf(deleting("2026-11-23T10:00:00Z", endedStatus()))).toEqual(["releasePod", "releaseAgent"]);
  });

  it("tells of the frames that were not confirmed", () => {
    const given = deleting("2026-11-23T10:00:00Z", endedStatus({ scribe: { lastSeq: 9, ackedSeq: 7 } }));
    expect(actsOf(given)).toEqual(["warnOfGap", "releasePod", "releaseAgent"]);
  });

  it("lets go of a silent pod after drain and 60 s, with a warning", () => {
    const podMeta = { deletionTimestamp: "2026-11-23T09:59:00Z", deletionGracePeriodSeconds: 45 };
    expect(actsOf(deleting("2026-11-23T09:58:31Z", runningStatus(), podMeta))).toEqual([]);
    expect(actsOf(deleting("2026-11-23T09:58:30Z", runningStatus(), podMeta))).toEqual([
      "warnOfGap",
      "releasePod",
      "releaseAgent",
    ]);
  });

  it("lets an Agent go that never had a pod", () => {
    expect(actsOf(deleting("2026-11-23T10:00:00Z"))).toEqual(["releaseAgent"]);
  });
});
