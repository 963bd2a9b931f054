import type { Agent, Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { AgentStatus } from "#nervous-system/schemas/resources/agent.ts";
import { emptyAgent, emptyMission, type MissionFold, type PublicationFold } from "#operator/frames/fold.ts";
import type { MissionSnapshot } from "#operator/mission/snapshot.ts";
import { podFacts, type PodFacts } from "#operator/pod/facts.ts";
import { anAgent } from "#test/builders/agent.ts";
import { aMission } from "#test/builders/mission.ts";
import { aModel, readyModelStatus } from "#test/builders/model.ts";
import { aPod } from "#test/builders/pod.ts";
import { someCommit, type PodStatus } from "#test/builders/pod-status.ts";

export const nowMs = Date.parse("2026-11-23T10:00:00Z");
export const condition = (type: string, reason: string) => ({
  type,
  status: "True" as const,
  reason,
  message: `because of ${reason}`,
  lastTransitionTime: "2026-11-23T09:30:00Z",
});

export const readyModel = aModel({ status: readyModelStatus });
export const named = (agent: Agent): ReadonlyMap<string, Agent> => new Map([[agent.metadata.name, agent]]);

export const snapshot = (given: Partial<MissionSnapshot> = {}): MissionSnapshot => ({
  mission: aMission(),
  agents: new Map(),
  models: new Map([["scripted", readyModel]]),
  secret: undefined,
  record: { healthy: true, message: "", position: 40 },
  fold: undefined,
  verifier: undefined,
  gatewayAddress: "10.0.0.2",
  agentImage: anAgent().spec.image,
  verifierPauseMs: 1_000,
  nowMs,
  ...given,
});

export const doneStatus: AgentStatus = {
  attempt: 1,
  baseCommit: someCommit,
  ledger: { lastSeq: 9, ackedSeq: 9 },
  history: [{ attempt: 1, reason: "Succeeded", toSeq: 9 }],
  completionTime: "2026-11-23T09:59:00Z",
  conditions: [condition("Complete", "Succeeded")],
};
export const done = named(anAgent({ status: doneStatus }));
export const uid = anAgent().metadata.uid;

export const head = "2".repeat(40);
export const open: PublicationFold = {
  proposalEventId: "p1",
  state: "open",
  url: "https://forge.example.org/team/calculator/pulls/1",
  number: 1,
  branch: "swarm/fix-bug/fix-bug-coder",
  head,
  reason: "",
  message: "",
};

export const fold = (publications: readonly PublicationFold[] = [], seq = 9): MissionFold => ({
  ...emptyMission(aMission().metadata.uid),
  agents: {
    [uid]: { ...emptyAgent, epoch: 1, seq, proposals: [{ eventId: "p1", epoch: 1, seq: 8, head: "3".repeat(40) }] },
  },
  publications: Object.fromEntries(publications.map((p) => [p.proposalEventId, p])),
});
export const withoutProposal: MissionFold = {
  ...emptyMission(aMission().metadata.uid),
  agents: { [uid]: { ...emptyAgent, epoch: 1, seq: 9 } },
};

export const tested = { successCriteria: [{ command: "npm test" }] };
export const verifying = (attempt = 1, status: Partial<Mission["status"]> = {}): Mission =>
  aMission({
    spec: tested,
    status: {
      startTime: "2026-11-23T09:00:00Z",
      verification: { attempt, podName: `fix-bug-verify-${attempt}`, podUID: aPod().metadata.uid, commit: head },
      ...status,
    },
  });
export const verifierPod = (status: PodStatus, metadata = {}): PodFacts =>
  podFacts(aPod({ owner: aMission(), status, metadata }));
export const published = { agents: done, fold: fold([open]) };

export const secretMission = aMission({
  spec: { workspace: { repo: "https://forge.example.org/a/b.git", secretRef: { name: "git" } } },
});
