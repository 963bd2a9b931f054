import { describe, expect, it } from "@jest/globals";
import { Reason } from "#nervous-system/schemas/conditions.ts";
import type { Agent, Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { AgentStatus } from "#nervous-system/schemas/resources/agent.ts";
import { emptyAgent, emptyMission, type MissionFold, type PublicationFold } from "#operator/frames/fold.ts";
import { decideMission } from "#operator/mission/decide.ts";
import type { MissionSnapshot } from "#operator/mission/snapshot.ts";
import { podFacts, type PodFacts } from "#operator/pod/facts.ts";
import { anAgent } from "#test/builders/agent.ts";
import { aMission } from "#test/builders/mission.ts";
import { aModel, readyModelStatus } from "#test/builders/model.ts";
import { aPod } from "#test/builders/pod.ts";
import {
  disruptedStatus,
  fetchFailedStatus,
  runningStatus,
  someCommit,
  verifierStatus,
  type PodStatus,
} from "#test/builders/pod-status.ts";

const nowMs = Date.parse("2026-11-23T10:00:00Z");
const condition = (type: string, reason: string) => ({
  type,
  status: "True" as const,
  reason,
  message: `because of ${reason}`,
  lastTransitionTime: "2026-11-23T09:30:00Z",
});

const readyModel = aModel({ status: readyModelStatus });
const named = (agent: Agent): ReadonlyMap<string, Agent> => new Map([[agent.metadata.name, agent]]);

const snapshot = (given: Partial<MissionSnapshot> = {}): MissionSnapshot => ({
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

const doneStatus: AgentStatus = {
  attempt: 1,
  baseCommit: someCommit,
  ledger: { lastSeq: 9, ackedSeq: 9 },
  history: [{ attempt: 1, reason: "Succeeded", toSeq: 9 }],
  completionTime: "2026-11-23T09:59:00Z",
  conditions: [condition("Complete", "Succeeded")],
};
const done = named(anAgent({ status: doneStatus }));
const uid = anAgent().metadata.uid;

const head = "2".repeat(40);
const open: PublicationFold = {
  proposalEventId: "p1",
  state: "open",
  url: "https://forge.example.org/team/calculator/pulls/1",
  number: 1,
  branch: "swarm/fix-bug/fix-bug-coder",
  head,
  reason: "",
  message: "",
};

const fold = (publications: readonly PublicationFold[] = [], seq = 9): MissionFold => ({
  ...emptyMission(aMission().metadata.uid),
  agents: {
    [uid]: { ...emptyAgent, epoch: 1, seq, proposals: [{ eventId: "p1", epoch: 1, seq: 8, head: "3".repeat(40) }] },
  },
  publications: Object.fromEntries(publications.map((p) => [p.proposalEventId, p])),
});
const withoutProposal: MissionFold = {
  ...emptyMission(aMission().metadata.uid),
  agents: { [uid]: { ...emptyAgent, epoch: 1, seq: 9 } },
};

const tested = { successCriteria: [{ command: "npm test" }] };
const verifying = (attempt = 1, status: Partial<Mission["status"]> = {}): Mission =>
  aMission({
    spec: tested,
    status: {
      startTime: "2026-11-23T09:00:00Z",
      verification: { attempt, podName: `fix-bug-verify-${attempt}`, podUID: aPod().metadata.uid, commit: head },
      ...status,
    },
  });
const verifierPod = (status: PodStatus, metadata = {}): PodFacts =>
  podFacts(aPod({ owner: aMission(), status, metadata }));
const published = { agents: done, fold: fold([open]) };

const secretMission = aMission({
  spec: { workspace: { repo: "https://forge.example.org/a/b.git", secretRef: { name: "git" } } },
});

/** The case name is the specification. */
const table: ReadonlyArray<{
  name: string;
  given: MissionSnapshot;
  stand: string;
  reason: string;
  stalled?: boolean;
  acts?: unknown[];
}> = [
  {
    name: "a mission whose model is ready and whose record is healthy gets its agent",
    given: snapshot(),
    stand: "Running",
    reason: Reason.Working,
    acts: [{ kind: "createAgent", member: "coder" }],
  },
  {
    name: "a repository that is no URL is refused",
    given: snapshot({
      mission: { ...aMission(), spec: { ...aMission().spec, workspace: { repo: "https://x", ref: "main" } } },
    }),
    stand: "Pending",
    reason: Reason.InvalidRepository,
    stalled: true,
  },
  {
    name: "a member whose pods would be named as the verifier's is refused",
    given: snapshot({
      mission: aMission({ spec: { team: [{ name: "verify", role: "Coder", modelRef: { name: "scripted" } }] } }),
    }),
    stand: "Pending",
    reason: Reason.NameReserved,
    stalled: true,
  },
  {
    name: "a Model that does not exist must be created",
    given: snapshot({ models: new Map() }),
    stand: "Pending",
    reason: Reason.ModelNotFound,
    stalled: true,
  },
  {
    name: "a Model that is not ready is waited for",
    given: snapshot({ models: new Map([["scripted", aModel()]]) }),
    stand: "Pending",
    reason: Reason.ModelNotReady,
  },
  {
    name: "a Secret that may not be used is told by the gateway's reason",
    given: snapshot({
      mission: secretMission,
      secret: { kind: "answered", ok: false, reason: Reason.SecretNotAllowed, message: "label it" },
    }),
    stand: "Pending",
    reason: Reason.SecretNotAllowed,
    stalled: true,
  },
  {
    name: "a gateway that does not answer is waited for",
    given: snapshot({ mission: secretMission, secret: { kind: "unavailable", message: "ECONNREFUSED" } }),
    stand: "Pending",
    reason: Reason.CheckUnavailable,
  },
  {
    name: "no record, no run",
    given: snapshot({ record: { healthy: false, message: "the stream cannot be read", position: 0 } }),
    stand: "Pending",
    reason: Reason.RecordingUnhealthy,
  },
  {
    name: "a record that fails later does not stop what runs",
    given: snapshot({ agents: named(anAgent()), record: { healthy: false, message: "away", position: 0 } }),
    stand: "Running",
    reason: Reason.Working,
  },
  {
    name: "an agent that gave up fails the mission by the agent's own reason",
    given: snapshot({
      agents: named(anAgent({ status: { conditions: [condition("Failed", "RepositoryNotFound")] } })),
    }),
    stand: "Failed",
    reason: Reason.RepositoryNotFound,
    stalled: true,
  },
  {
    name: "the last frames of an agent are waited for before its proposals are judged",
    given: snapshot({ agents: done, fold: fold([], 7) }),
    stand: "Publishing",
    reason: Reason.Publishing,
  },
  {
    name: "a proposal waits for its pull request",
    given: snapshot({ agents: done, fold: fold() }),
    stand: "Publishing",
    reason: Reason.Publishing,
  },
  {
    name: "a refused publication fails the mission",
    given: snapshot({ agents: done, fold: fold([{ ...open, state: "refused", reason: "PathDenied", message: "no" }]) }),
    stand: "Failed",
    reason: Reason.PublicationRefused,
    stalled: true,
  },
  {
    name: "without commands an open pull request completes the mission",
    given: snapshot(published),
    stand: "Complete",
    reason: Reason.Published,
  },
  {
    name: "without commands and proposals exit 0 is enough",
    given: snapshot({ agents: done, fold: withoutProposal }),
    stand: "Complete",
    reason: Reason.AgentsFinished,
  },
  {
    name: "commands are run on the published head",
    given: snapshot({ ...published, mission: aMission({ spec: tested }) }),
    stand: "Verifying",
    reason: Reason.Verifying,
    acts: [{ kind: "createVerifier", attempt: 1, ref: open.branch, commit: head }],
  },
  {
    name: "commands without a proposal are run on the base commit",
    given: snapshot({ agents: done, fold: withoutProposal, mission: aMission({ spec: tested }) }),
    stand: "Verifying",
    reason: Reason.Verifying,
    acts: [{ kind: "createVerifier", attempt: 1, ref: "main", commit: someCommit }],
  },
  {
    name: "a verifier at work is waited for",
    given: snapshot({ ...published, mission: verifying(), verifier: verifierPod(runningStatus()) }),
    stand: "Verifying",
    reason: Reason.Verifying,
  },
  {
    name: "a verifier that exits 0 completes the mission",
    given: snapshot({ ...published, mission: verifying(), verifier: verifierPod(verifierStatus(0)) }),
    stand: "Complete",
    reason: Reason.CriteriaMet,
  },
  {
    name: "a verifier that fails fails the mission",
    given: snapshot({
      ...published,
      mission: verifying(),
      verifier: verifierPod(verifierStatus(1, { command: "npm test", exitCode: 1, output: "1 failing" })),
    }),
    stand: "Failed",
    reason: Reason.CriteriaFailed,
    stalled: true,
  },
  {
    name: "a disrupted verifier is run again",
    given: snapshot({
      ...published,
      mission: verifying(),
      verifier: verifierPod(disruptedStatus("EvictionByEvictionAPI")),
    }),
    stand: "Verifying",
    reason: Reason.Verifying,
    acts: [{ kind: "createVerifier", attempt: 2, ref: open.branch, commit: head }],
  },
  {
    name: "a verifier whose repository was out of reach is run again",
    given: snapshot({
      ...published,
      mission: verifying(),
      verifier: verifierPod(fetchFailedStatus("RepositoryUnreachable", "timed out")),
    }),
    stand: "Verifying",
    reason: Reason.Verifying,
    acts: [{ kind: "createVerifier", attempt: 2, ref: open.branch, commit: head }],
  },
  {
    name: "a verifier that is gone is run again",
    given: snapshot({ ...published, mission: verifying() }),
    stand: "Verifying",
    reason: Reason.Verifying,
    acts: [{ kind: "createVerifier", attempt: 2, ref: open.branch, commit: head }],
  },
  {
    name: "ten disrupted verifiers are enough",
    given: snapshot({ ...published, mission: verifying(10) }),
    stand: "Failed",
    reason: Reason.VerifierDisrupted,
    stalled: true,
  },
  {
    name: "a finished mission is never run again, even when its agent is gone",
    given: snapshot({ mission: aMission({ status: { conditions: [condition("Complete", "CriteriaMet")] } }) }),
    stand: "Complete",
    reason: Reason.CriteriaMet,
  },
  {
    name: "suspend before admission makes nothing",
    given: snapshot({ mission: aMission({ spec: { suspend: true } }) }),
    stand: "Suspended",
    reason: Reason.Suspended,
  },
  {
    name: "a mission that is being deleted is left to the garbage collector",
    given: snapshot({ mission: aMission({ metadata: { deletionTimestamp: "2026-11-23T10:00:00Z" } }) }),
    stand: "Pending",
    reason: Reason.Draining,
  },
];

describe("decideMission", () => {
  for (const { name, given, stand, reason, stalled = false, acts = [] } of table) {
    it(name, () => {
      const plan = decideMission(given);
      expect({ stand: plan.stand, reason: plan.reason, stalled: plan.stalled, acts: plan.acts }).toEqual({
        stand,
        reason,
        stalled,
        acts,
      });
    });
  }

  it("tells the first thing that a person can change", () => {
    const nothingIsWell = snapshot({
      models: new Map(),
      record: { healthy: false, message: "away", position: 0 },
      mission: secretMission,
    });
    expect(decideMission(nothingIsWell).reason).toBe(Reason.ModelNotFound);
  });

  it("shows the end of the output of the command that failed", () => {
    const plan = decideMission(
      snapshot({
        ...published,
        mission: verifying(),
        verifier: verifierPod(verifierStatus(1, { command: "npm test", exitCode: 1, output: "1 failing" })),
      }),
    );
    expect(plan.ending).toMatchObject({ evidence: "1 failing" });
    expect(plan.message).toContain("`npm test`");
  });

  it("suspends its agent and then, resumed, lets it go on", () => {
    const running = anAgent({ status: { attempt: 1 } });
    const suspend = decideMission(snapshot({ mission: aMission({ spec: { suspend: true } }), agents: named(running) }));
    expect(suspend).toMatchObject({ reason: Reason.Draining, acts: [{ kind: "suspendAgent", suspend: true }] });
    const paused = anAgent({ spec: { suspend: true }, status: { conditions: [condition("Suspended", "Suspended")] } });
    const still = decideMission(snapshot({ mission: aMission({ spec: { suspend: true } }), agents: named(paused) }));
    expect(still).toMatchObject({ reason: Reason.Suspended, acts: [] });
    const resumed = decideMission(snapshot({ agents: named(paused) }));
    expect(resumed).toMatchObject({ stand: "Running", acts: [{ kind: "suspendAgent", suspend: false }] });
  });

  it("counts only the proposals of the last attempt that proposed", () => {
    const early = { eventId: "p0", epoch: 1, seq: 3, head };
    const late = { eventId: "p1", epoch: 2, seq: 3, head };
    const twice: MissionFold = {
      ...fold([open]),
      agents: { [uid]: { ...emptyAgent, epoch: 2, seq: 9, proposals: [early, late] } },
    };
    const agents = named(
      anAgent({ status: { ...doneStatus, attempt: 2, history: [{ attempt: 2, reason: "Succeeded", toSeq: 9 }] } }),
    );
    expect(decideMission(snapshot({ agents, fold: twice })).stand).toBe("Complete");
  });

  it("waits for late frames of an agent whose scribe left no last word, but not for ever", () => {
    const { ledger: _none, ...rest } = doneStatus;
    const agents = named(anAgent({ status: { ...rest, history: [{ attempt: 1, reason: "Succeeded" }] } }));
    const at = (completion: string): string =>
      decideMission(
        snapshot({
          agents: named({
            ...[...agents.values()][0]!,
            status: { ...rest, history: [{ attempt: 1, reason: "Succeeded" }], completionTime: completion },
          }),
        }),
      ).stand;
    expect(at("2026-11-23T09:59:45Z")).toBe("Publishing");
    expect(at("2026-11-23T09:59:29Z")).toBe("Complete");
  });
});
