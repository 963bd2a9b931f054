import {
  emptyAgent,
  emptyMission,
  type MissionFold,
  type ProposalsFold,
  type PublicationFold,
} from "#nervous-system/fold/state.ts";
import type { Agent, Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { AgentStatus } from "#nervous-system/schemas/resources/agent.ts";
import type { MissionSnapshot } from "#operator/mission/plan.ts";
import { renderVerifierPod } from "#operator/mission/render-verifier.ts";
import { podFacts, type PodFacts } from "#operator/pod/facts.ts";
import { anAgent } from "#test/builders/agent.ts";
import { aMission } from "#test/builders/mission.ts";
import { aPodConfig } from "#test/builders/pod-config.ts";
import { aModel, readyModelStatus } from "#test/builders/model.ts";
import { aNetwork } from "#test/builders/network.ts";
import { someCommit, type PodStatus } from "#test/builders/pod-status.ts";
import { aPod } from "#test/builders/pod.ts";

/** The time of every snapshot, Unix milliseconds. */
const nowMs = Date.parse("2026-11-23T10:00:00Z");
/** A condition that holds. */
export const condition = (type: string, reason: string) => ({
  type,
  status: "True" as const,
  reason,
  message: `because of ${reason}`,
  lastTransitionTime: "2026-11-23T09:30:00Z",
});

const gateway = "10.0.0.2";

/** The Model `scripted`, ready. */
const readyModel = aModel({ status: readyModelStatus });
/** One agent, as a snapshot holds agents. */
export const named = (agent: Agent): ReadonlyMap<string, Agent> => new Map([[agent.metadata.name, agent]]);

/** A new Mission with everything that it needs. */
export const snapshot = (given: Partial<MissionSnapshot> = {}): MissionSnapshot => ({
  mission: aMission(),
  stored: given.mission?.status ?? {},
  isTenant: true,
  agents: new Map(),
  pods: new Map(),
  taken: [],
  models: new Map([["scripted", readyModel]]),
  personas: new Map(),
  secret: { kind: "answered", ok: true, reason: "Resolved", message: "" },
  network: aNetwork(),
  record: { healthy: true, message: "", position: 40 },
  fold: undefined,
  verifier: undefined,
  actsWait: false,
  gatewayAddress: gateway,
  agentImage: anAgent().spec.image,
  verifierPauseMs: 1_000,
  nowMs,
  ...given,
});

/** Status of an Agent that finished in its first attempt. */
export const doneStatus: AgentStatus = {
  attempt: 1,
  baseCommit: someCommit,
  ledger: { lastSeq: 9, ackedSeq: 9 },
  history: [{ attempt: 1, reason: "Succeeded", toSeq: 9 }],
  completionTime: "2026-11-23T09:59:00Z",
  conditions: [condition("Complete", "Succeeded")],
};
/** The coder, finished. */
export const done = named(anAgent({ status: doneStatus }));
/** The coder's UID. */
export const uid = anAgent().metadata.uid;

/** Commit that was published. */
export const head = "2".repeat(40);
/** The coder's proposal, published. */
export const open: PublicationFold = {
  state: "open",
  url: "https://forge.example.org/team/calculator/pulls/1",
  number: 1,
  branch: "swarm/fix-bug/fix-bug-coder",
  head,
  reason: "",
  message: "",
  atMs: Date.parse("2026-11-23T09:58:00Z"),
};

const proposal = { eventId: "p1", epoch: 1, seq: 8 };
/** What the coder proposed, as it waits for its answer. */
export const openProposal = { ...proposal, argsDigest: `sha256:${"d".repeat(64)}`, title: "Fix it", head, files: 1 };
const proposalsAfter = (publication: PublicationFold | undefined): ProposalsFold => {
  const none = { epoch: 1, open: [], tooMany: false };
  if (publication === undefined) return { ...none, open: [openProposal] };
  const answered = { ...proposal, publication };
  const stands = publication.state === "open" || publication.state === "merged";
  return stands ? { ...none, published: answered } : { ...none, refused: answered };
};

/** Frames of a coder that proposed once, and what became of it. */
export const fold = (publication?: PublicationFold, seq = 9): MissionFold => ({
  ...emptyMission(aMission().metadata.uid),
  agents: {
    [uid]: {
      ...emptyAgent,
      epoch: 1,
      seq,
      proposals: proposalsAfter(publication),
    },
  },
});
/** Frames of a coder that proposed nothing. */
export const withoutProposal: MissionFold = {
  ...emptyMission(aMission().metadata.uid),
  agents: { [uid]: { ...emptyAgent, epoch: 1, seq: 9 } },
};

/** A spec with one success criterion. */
export const tested = { successCriteria: [{ command: "npm test" }] };
/** A Mission whose verifier pod is in the status. */
export const verifying = (attempt = 1, status: Partial<Mission["status"]> = {}, spec = tested): Mission =>
  aMission({
    spec,
    status: {
      startTime: "2026-11-23T09:00:00Z",
      verification: { attempt, podName: `fix-bug-verify-${attempt}`, podUID: aPod().metadata.uid, commit: head },
      ...status,
    },
  });
/** The verifier pod of a mission as it was read. */
export const verifierPod = (status: PodStatus, { mission = verifying(), metadata = {} } = {}): PodFacts => {
  const { spec } = renderVerifierPod(aPodConfig(), { mission, attempt: 1, ref: open.branch, commit: head, gateway });
  return podFacts(aPod({ owner: mission, status, metadata, ...(spec === undefined ? {} : { spec }) }));
};
/** Everything done and published. */
export const published = { agents: done, fold: fold(open) };

/** A Mission that names a Git Secret. */
export const secretMission = aMission({
  spec: { workspace: { repo: "https://forge.example.org/a/b.git", secretRef: { name: "git" } } },
});
