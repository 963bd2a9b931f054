import { describe, expect, it } from "@jest/globals";
import type { KubeObject } from "#nervous-system/kubernetes/resource-kind.ts";
import { Reason } from "#nervous-system/schemas/conditions.ts";
import type { AgentStatus } from "#nervous-system/schemas/resources/agent.ts";
import { decideAgent } from "#operator/agent/decide.ts";
import type { AgentSnapshot } from "#operator/agent/plan.ts";
import { computeAgentStatus } from "#operator/agent/status.ts";
import { decideIntervention, type InterventionSnapshot } from "#operator/intervention/decide.ts";
import { computeInterventionStatus } from "#operator/intervention/status.ts";
import { decideMission } from "#operator/mission/decide.ts";
import type { MissionSnapshot } from "#operator/mission/plan.ts";
import { computeMissionStatus } from "#operator/mission/status.ts";
import { computeElsewhereStatus, computeModelStatus } from "#operator/model/decide.ts";
import { podFacts } from "#operator/pod/facts.ts";
import { anAgentSnapshot } from "#test/builders/agent-snapshot.ts";
import { anAgent } from "#test/builders/agent.ts";
import { anIntervention } from "#test/builders/intervention.ts";
import { kstatusOf, type Kstatus } from "#test/builders/kstatus.ts";
import { condition, fold, named, published, snapshot, tested, done } from "#test/builders/mission-snapshot.ts";
import { aMission } from "#test/builders/mission.ts";
import { aModel } from "#test/builders/model.ts";
import { endedStatus, runningStatus, unschedulableStatus, type PodStatus } from "#test/builders/pod-status.ts";
import { aPod } from "#test/builders/pod.ts";

/** An object with the status that the operator gives it. */
type Given = { object: KubeObject & { status?: object }; phase: string };

const looked = (object: KubeObject, status: { phase?: string | undefined } | undefined): Given => ({
  object: { ...object, ...(status === undefined ? {} : { status }) },
  phase: status?.phase ?? "",
});

const mission = (given: Partial<MissionSnapshot> = {}): Given => {
  const all = snapshot(given);
  return looked(all.mission, computeMissionStatus(all, decideMission(all)));
};

const agent = (given: Partial<AgentSnapshot> = {}): Given => {
  const all = anAgentSnapshot(given);
  return looked(all.agent, computeAgentStatus(all, decideAgent(all)));
};

const withPod = (status: PodStatus, before: AgentStatus = {}): Given =>
  agent({
    agent: anAgent({ status: { attempt: 1, podName: "fix-bug-coder-1", ...before } }),
    pod: podFacts(aPod({ status })),
  });

const act = (given: Partial<InterventionSnapshot> = {}): Given => {
  const all: InterventionSnapshot = {
    intervention: anIntervention(),
    isTenant: true,
    mission: aMission(),
    next: undefined,
    record: { healthy: true, message: "", position: 40 },
    place: undefined,
    nowMs: Date.parse("2026-11-23T09:00:30Z"),
    ...given,
  };
  // Where the plan says nothing the object stays as the API server made it.
  const before = all.intervention.status ?? { observedGeneration: -1 };
  return looked(all.intervention, computeInterventionStatus(all, decideIntervention(all)) ?? before);
};

const model = (ok: boolean, reason: Reason): Given =>
  looked(
    aModel(),
    computeModelStatus({
      model: aModel(),
      answer: { kind: "answered", ok, reason, message: "" },
      probedAtMs: 1,
      recheckMs: 1,
      nowMs: 1,
    }),
  );

const coder = (type: string, reason: string, phase: string): MissionSnapshot["agents"] =>
  named(anAgent({ status: { phase, conditions: [condition(type, reason)] } }));
const over = (reason: string) => aMission({ status: { conditions: [condition("Failed", reason)] } });
const suspendedAgent = anAgent({ spec: { suspend: true } });

/** Current: done, or well on its way where it never ends by itself; Failed: somebody must act, or it ended badly. */
const table: ReadonlyArray<readonly [name: string, given: Given, phase: string, kstatus: Kstatus]> = [
  [
    "a mission that waits for its Model",
    mission({ models: new Map([["scripted", aModel()]]) }),
    "Pending",
    "InProgress",
  ],
  ["a mission without its Model", mission({ models: new Map() }), "Pending", "Failed"],
  ["a mission in a namespace that is no tenant", mission({ isTenant: false }), "Pending", "Failed"],
  ["a mission that is admitted", mission(), "Running", "Current"],
  ["a mission at work", mission({ agents: named(anAgent()) }), "Running", "Current"],
  [
    "a mission whose agent waits for a person",
    mission({ agents: coder("Stalled", Reason.ImagePullFailed, "Starting") }),
    "Running",
    "Failed",
  ],
  [
    "a mission that is being suspended",
    mission({ mission: aMission({ spec: { suspend: true } }), agents: named(anAgent()) }),
    "Draining",
    "InProgress",
  ],
  [
    "a mission that is suspended",
    mission({
      mission: aMission({ spec: { suspend: true } }),
      agents: coder("Suspended", Reason.Suspended, "Suspended"),
    }),
    "Suspended",
    "InProgress",
  ],
  [
    "a mission that used more than its budget and waits for a larger one",
    mission({
      mission: aMission({
        spec: { budget: { maxFrames: 1, onExceeded: "Pause" } },
        status: { usage: { frames: 2 } },
      }),
      agents: coder("Suspended", Reason.BudgetExceeded, "Suspended"),
      fold: { ...fold(), usage: { inputTokens: 0, outputTokens: 0, modelCalls: 0, frames: 2 } },
    }),
    "Suspended",
    "Failed",
  ],
  ["a mission whose proposal waits", mission({ agents: done, fold: fold() }), "Publishing", "Current"],
  [
    "a mission that is verified",
    mission({ mission: aMission({ spec: tested }), ...published }),
    "Verifying",
    "Current",
  ],
  ["a mission that is complete", mission(published), "Complete", "Current"],
  [
    "a mission whose agent gave up",
    mission({ agents: coder("Failed", Reason.AttemptsExhausted, "Failed") }),
    "Failed",
    "Failed",
  ],
  ["a mission that ended badly", mission({ mission: over(Reason.Cancelled) }), "Failed", "Failed"],

  ["an agent that starts", agent(), "Starting", "InProgress"],
  ["an agent without its Model", agent({ model: undefined }), "Pending", "InProgress"],
  ["an agent that no node takes", withPod(unschedulableStatus("no node")), "Starting", "Failed"],
  ["an agent at work", withPod(runningStatus()), "Running", "Current"],
  ["an agent that ended well", withPod(endedStatus()), "Succeeded", "Current"],
  ["an agent that failed once", withPod(endedStatus({ exitCode: 1 })), "Retrying", "InProgress"],
  ["an agent that failed for good", withPod(endedStatus({ exitCode: 2 })), "Failed", "Failed"],
  ["an agent that is suspended", agent({ agent: suspendedAgent }), "Suspended", "InProgress"],
  ...[Reason.Cancelled, Reason.BudgetExceeded, Reason.DeadlineExceeded].map(
    (reason) =>
      [
        `an agent that is stopped for good: ${reason}`,
        agent({ agent: suspendedAgent, mission: over(reason) }),
        "Suspended",
        "Failed",
      ] as const,
  ),

  ["an act that its mission has not taken yet", act(), "", "InProgress"],
  ["an act on a mission that is not there yet", act({ mission: undefined }), "Pending", "InProgress"],
  [
    "an act on a mission that never came",
    act({ mission: undefined, nowMs: Date.parse("2026-11-23T09:02:00Z") }),
    "Expired",
    "Failed",
  ],
  ["an act in a namespace that is no tenant", act({ isTenant: false }), "Denied", "Failed"],

  ["a Model that answers", model(true, Reason.ProbeSucceeded), "Ready", "Current"],
  ["a Model whose Secret may not be used", model(false, Reason.SecretNotAllowed), "NotReady", "Failed"],
  ["a Model that does not answer", model(false, Reason.EndpointUnreachable), "NotReady", "InProgress"],
  [
    "a Model in a namespace that is no tenant",
    looked(aModel(), computeElsewhereStatus(aModel(), 1)),
    "NotReady",
    "Failed",
  ],
];

describe("what a GitOps tool takes an object for", () => {
  it.each(table)("%s", (_, { object, phase }, expected, kstatus) => {
    expect([phase, kstatusOf(object)]).toEqual([expected, kstatus]);
  });

  it.each(table)("%s: nothing but in progress once its spec is another one", (_, { object: { metadata, ...rest } }) => {
    expect(kstatusOf({ ...rest, metadata: { ...metadata, generation: 2 } })).toBe("InProgress");
  });

  it.each([aMission(), anAgent(), aModel(), anIntervention()])(
    "%#: in progress before anybody has looked at it",
    (object) => {
      expect(kstatusOf({ ...object, status: { observedGeneration: -1 } })).toBe("InProgress");
    },
  );
});
