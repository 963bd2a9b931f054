import { describe, expect, it } from "@jest/globals";
import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { Reason } from "#nervous-system/schemas/conditions.ts";
import { anAgent } from "#test/builders/agent.ts";
import { aMission } from "#test/builders/mission.ts";
import { condition } from "#test/builders/mission-snapshot.ts";
import { commands } from "../commands.ts";
import { explainMission, type MissionFacts } from "./explain.ts";
import { reasonAdvice } from "./reason-advice.ts";

const isFalse = (type: string, reason: string) => ({ ...condition(type, reason), status: "False" as const });
const facts = (status: Mission["status"], more: Partial<MissionFacts> = {}): MissionFacts => ({
  mission: aMission({ status: { observedGeneration: 1_000, ...status } }),
  agents: [],
  pods: [],
  warnings: [],
  ...more,
});
const stalledBy = (reason: string) => [isFalse("Ready", reason), condition("Stalled", reason)];

describe("every reason that a condition may have", () => {
  const known = new Set(commands.map(({ name }) => name));

  it.each(Object.values(Reason))("%s is explained in words, with commands that there are", (reason) => {
    expect(reasonAdvice).toHaveProperty(reason);
    const { kind, means, next } = reasonAdvice[reason];
    expect(means).toMatch(/^[A-Z].+\.$/);
    if (kind === "act") expect(next).not.toEqual([]);
    for (const line of next) {
      const [program, command = ""] = line.split(" ");
      expect(["kubectl", "helm", "enchanted"]).toContain(program);
      if (program === "enchanted") expect(known).toContain(command);
    }
    const agents = [anAgent({ status: { podName: "fix-bug-coder-1" } })];
    const [found] = explainMission(facts({ conditions: stalledBy(reason) }, { agents }));
    expect(found).toMatchObject({ about: "mission fix-bug", reason, told: `because of ${reason}`, means });
    expect(found?.next.join("\n")).not.toMatch(/\{(?!")|<pod>/);
  });
});

describe("a mission is explained", () => {
  it("with what its budget is raised by where it waits, and what is left to do where it is over", () => {
    const nextOf = (type: string): string => {
      const [found] = explainMission(facts({ conditions: [condition(type, "BudgetExceeded")] }));
      return found?.next.join("\n") ?? "";
    };
    expect(nextOf("Stalled")).toContain("kubectl edit mission fix-bug");
    expect(nextOf("Failed")).toContain("kubectl get mission fix-bug --namespace team-a -o yaml");
    expect(nextOf("Failed")).not.toContain("edit");
  });

  it.each<[string, MissionFacts, Array<[string, string]>]>([
    ["that nobody has looked at", facts({ observedGeneration: -1 }), [["mission fix-bug", "NotObserved"]]],
    ["that works", facts({ conditions: [condition("Ready", "Working"), condition("Recording", "Recording")] }), []],
    [
      "that is complete",
      facts({ conditions: [condition("Ready", "CriteriaMet"), condition("Complete", "CriteriaMet")] }),
      [],
    ],
    [
      "whose proposals wait",
      facts({ conditions: [condition("Ready", "Publishing")] }),
      [["mission fix-bug", "Publishing"]],
    ],
    [
      "that is stuck and not recorded, the first that holds it up first",
      facts({
        conditions: [isFalse("Recording", "RecordingUnhealthy"), ...stalledBy("Idle"), condition("Stuck", "Idle")],
      }),
      [
        ["mission fix-bug", "Idle"],
        ["mission fix-bug", "RecordingUnhealthy"],
      ],
    ],
    [
      "by what an agent tells beyond it",
      facts(
        { conditions: stalledBy("PodUnschedulable") },
        {
          agents: [
            anAgent({ status: { conditions: [...stalledBy("PodUnschedulable"), isFalse("Recording", "RecordGap")] } }),
          ],
        },
      ),
      [
        ["mission fix-bug", "PodUnschedulable"],
        ["agent fix-bug-coder", "RecordGap"],
      ],
    ],
    [
      "by its pods, as long as it is not over",
      facts({}, { pods: [{ name: "p", phase: "Pending", waiting: ["container agent: ImagePullBackOff"] }] }),
      [["pod p", "Pending"]],
    ],
    [
      "that is over, and by no pod any more",
      facts(
        { conditions: [...stalledBy("CriteriaFailed"), condition("Failed", "CriteriaFailed")] },
        { pods: [{ name: "p", phase: "Pending", waiting: ["container agent: ImagePullBackOff"] }] },
      ),
      [["mission fix-bug", "CriteriaFailed"]],
    ],
    [
      "by a reason of a newer release",
      facts({ conditions: stalledBy("constructor") }),
      [["mission fix-bug", "constructor"]],
    ],
  ])("%s", (_, given, expected) => {
    expect(explainMission(given).map(({ about, reason }) => [about, reason])).toEqual(expected);
  });

  it("names the agent that its condition names, and the pod of that one", () => {
    const told = { ...condition("Stalled", "Idle"), message: 'Agent "other" has done nothing.' };
    const agents = ["first", "other"].map((name) => {
      const agent = anAgent({ status: { podName: `${name}-2` } });
      return { ...agent, metadata: { ...agent.metadata, name } };
    });
    const [found] = explainMission(facts({ conditions: [told] }, { agents }));
    expect(found?.next[0]).toBe("enchanted logs fix-bug --namespace team-a --agent other");
  });
});
