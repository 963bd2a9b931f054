import { describe, expect, it } from "@jest/globals";
import { Reason } from "#nervous-system/schemas/conditions.ts";
import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { ChangingKind } from "#nervous-system/schemas/resources/intervention.ts";
import type { MissionSpecInput } from "#nervous-system/schemas/resources/mission.ts";
import { decideMission } from "#operator/mission/decide.ts";
import type { MissionSnapshot } from "#operator/mission/plan.ts";
import { anAgent } from "#test/builders/agent.ts";
import {
  condition,
  done,
  fold,
  head,
  named,
  open,
  published,
  secretMission,
  snapshot,
  tested,
  verifierPod,
  verifying,
  withoutProposal,
} from "#test/builders/mission-snapshot.ts";
import { aMission } from "#test/builders/mission.ts";
import { aModel } from "#test/builders/model.ts";
import { aNetwork } from "#test/builders/network.ts";
import { aPersona } from "#test/builders/persona.ts";
import {
  disruptedStatus,
  fetchFailedStatus,
  someCommit,
  verifierStatus,
  verifyingStatus,
} from "#test/builders/pod-status.ts";

const atWork = verifierPod(verifyingStatus());
const ofAnotherHead = { attempt: 1, podName: "fix-bug-verify-1", podUID: "v", commit: "e".repeat(40) };
const otherCriteria = { successCriteria: [{ command: "npm run lint" }] };
/** A mission to which Ann did this last. */
const after = (kind: ChangingKind, spec: Partial<MissionSpecInput> = {}): Mission =>
  aMission({
    spec,
    status: { lastIntervention: { uid: "u", name: "i", kind, by: "ann", at: "2026-11-23T09:00:00Z" } },
  });
const [coder] = aMission().spec.team;
const reviewed = aMission({ spec: { team: [{ ...coder!, personaRef: { name: "reviewer" } }] } });
const leaky = aPersona({
  spec: { systemPrompt: `Use ${["ghp", "0123456789abcdefghijABCDEFGHIJ012345"].join("_")}.` },
});
const takenBack = { kind: "answered", ok: false, reason: Reason.SecretNotAllowed, message: "label it" } as const;

/** The case name is the specification. */
const table: ReadonlyArray<{
  name: string;
  given: MissionSnapshot;
  phase: string;
  reason: string;
  stalled?: boolean;
  acts?: unknown[];
}> = [
  {
    name: "a mission whose model is ready and whose record is healthy gets its agent",
    given: snapshot(),
    phase: "Running",
    reason: Reason.Working,
    acts: [{ kind: "createAgent", member: "coder" }],
  },
  {
    name: "a repository that is no URL is refused",
    given: snapshot({
      mission: { ...aMission(), spec: { ...aMission().spec, workspace: { repo: "https://x", ref: "main" } } },
    }),
    phase: "Pending",
    reason: Reason.InvalidRepository,
    stalled: true,
  },
  {
    name: "a repository whose host would read another path is refused",
    given: snapshot({
      mission: aMission({ spec: { workspace: { repo: "https://git.example.org/a/../team/x.git?q", ref: "main" } } }),
    }),
    phase: "Pending",
    reason: Reason.InvalidRepository,
    stalled: true,
  },
  {
    name: "a rule of redaction that is no RE2 is refused",
    given: snapshot({ mission: aMission({ spec: { recording: { redact: [{ name: "a", pattern: "(?=x)" }] } } }) }),
    phase: "Pending",
    reason: Reason.InvalidRedaction,
    stalled: true,
  },
  {
    name: "a member whose pods would be named as the verifier's is refused",
    given: snapshot({
      mission: aMission({ spec: { team: [{ name: "verify", role: "Coder", modelRef: { name: "scripted" } }] } }),
    }),
    phase: "Pending",
    reason: Reason.NameReserved,
    stalled: true,
  },
  {
    name: "a member whose pods would be named as those of another mission's verifier is refused",
    given: snapshot({
      mission: aMission({ spec: { team: [{ name: "b-verify", role: "Coder", modelRef: { name: "scripted" } }] } }),
    }),
    phase: "Pending",
    reason: Reason.NameReserved,
    stalled: true,
  },
  {
    name: "an agent's name that another mission's agent has must be made another",
    given: snapshot({ taken: [{ agent: "fix-bug-coder", mission: "fix" }] }),
    phase: "Pending",
    reason: Reason.NameTaken,
    stalled: true,
  },
  {
    name: "an agent of a mission that is gone is waited for",
    given: snapshot({ taken: [{ agent: "fix-bug-coder", mission: undefined }] }),
    phase: "Pending",
    reason: Reason.NameTaken,
  },
  {
    name: "a rule of redaction that is RE2 is not in the way",
    given: snapshot({
      mission: aMission({ spec: { recording: { redact: [{ name: "ticket", pattern: "ACME-[0-9]+" }] } } }),
    }),
    phase: "Running",
    reason: Reason.Working,
    acts: [{ kind: "createAgent", member: "coder" }],
  },
  {
    name: "a Model that does not exist must be created",
    given: snapshot({ models: new Map() }),
    phase: "Pending",
    reason: Reason.ModelNotFound,
    stalled: true,
  },
  {
    name: "a Persona that does not exist must be created",
    given: snapshot({ mission: reviewed }),
    phase: "Pending",
    reason: Reason.PersonaNotFound,
    stalled: true,
  },
  {
    name: "a Persona that holds a secret must be mended",
    given: snapshot({ mission: reviewed, personas: new Map([["reviewer", leaky]]) }),
    phase: "Pending",
    reason: Reason.SecretInPersona,
    stalled: true,
  },
  {
    name: "a Persona that can be used is not in the way, whether its status says so yet or not",
    given: snapshot({ mission: reviewed, personas: new Map([["reviewer", aPersona()]]) }),
    phase: "Running",
    reason: Reason.Working,
    acts: [{ kind: "createAgent", member: "coder" }],
  },
  {
    name: "a Model that is not ready is waited for",
    given: snapshot({ models: new Map([["scripted", aModel()]]) }),
    phase: "Pending",
    reason: Reason.ModelNotReady,
  },
  {
    name: "a budget of money needs a Model with prices",
    given: snapshot({ mission: aMission({ spec: { budget: { maxCostUSD: "5" } } }) }),
    phase: "Pending",
    reason: Reason.ModelNotPriced,
    stalled: true,
  },
  {
    name: "a Secret that may not be used is told by the gateway's reason",
    given: snapshot({
      mission: secretMission,
      secret: { kind: "answered", ok: false, reason: Reason.SecretNotAllowed, message: "label it" },
    }),
    phase: "Pending",
    reason: Reason.SecretNotAllowed,
    stalled: true,
  },
  {
    name: "a mission without a Secret in a namespace that runs none is refused, and makes no pod",
    given: snapshot({
      secret: { kind: "answered", ok: false, reason: Reason.NotTenant, message: "add it to tenants" },
    }),
    phase: "Pending",
    reason: Reason.NotTenant,
    stalled: true,
  },
  {
    name: "a mission where nobody may work is told so, before anything that it names is looked for",
    given: snapshot({ isTenant: false, models: new Map(), secret: undefined }),
    phase: "Pending",
    reason: Reason.NotTenant,
    stalled: true,
  },
  {
    name: "nothing is changed of a mission at work whose namespace is a tenant no longer, not even to suspend it",
    given: snapshot({
      isTenant: false,
      mission: aMission({ spec: { suspend: true, egress: { allowHosts: ["new.example.org"] } } }),
      agents: named(anAgent()),
    }),
    phase: "Pending",
    reason: Reason.NotTenant,
    stalled: true,
  },
  {
    name: "a gateway that does not answer is waited for",
    given: snapshot({ mission: secretMission, secret: { kind: "unavailable", message: "ECONNREFUSED" } }),
    phase: "Pending",
    reason: Reason.CheckUnavailable,
  },
  {
    name: "no policy, no pod",
    given: snapshot({ network: { ...aNetwork(), policies: [] } }),
    phase: "Pending",
    reason: Reason.NetworkPolicyMissing,
    stalled: true,
  },
  {
    name: "no policy, no verifier",
    given: snapshot({
      mission: aMission({ spec: tested }),
      ...published,
      network: { ...aNetwork(), policies: [] },
    }),
    phase: "Verifying",
    reason: Reason.NetworkPolicyMissing,
    stalled: true,
  },
  {
    name: "no record, no run",
    given: snapshot({ record: { healthy: false, message: "the stream cannot be read", position: 0 } }),
    phase: "Pending",
    reason: Reason.RecordingUnhealthy,
  },
  {
    name: "a record that fails later does not stop what runs",
    given: snapshot({ agents: named(anAgent()), record: { healthy: false, message: "away", position: 0 } }),
    phase: "Running",
    reason: Reason.Working,
  },
  {
    name: "an agent that cannot go on stalls the mission by the agent's own reason",
    given: snapshot({ agents: named(anAgent({ status: { conditions: [condition("Stalled", "ModelNotFound")] } })) }),
    phase: "Running",
    reason: Reason.ModelNotFound,
    stalled: true,
  },
  {
    name: "an agent that gave up fails the mission by the agent's own reason",
    given: snapshot({
      agents: named(anAgent({ status: { conditions: [condition("Failed", "RepositoryNotFound")] } })),
    }),
    phase: "Failed",
    reason: Reason.RepositoryNotFound,
    stalled: true,
  },
  {
    name: "the last frames of an agent are waited for before its proposals are judged",
    given: snapshot({ agents: done, fold: fold(undefined, 7) }),
    phase: "Publishing",
    reason: Reason.Publishing,
  },
  {
    name: "a proposal waits for its pull request",
    given: snapshot({ agents: done, fold: fold() }),
    phase: "Publishing",
    reason: Reason.Publishing,
  },
  {
    name: "a refused publication fails the mission",
    given: snapshot({ agents: done, fold: fold({ ...open, state: "refused", reason: "PathDenied", message: "no" }) }),
    phase: "Failed",
    reason: Reason.PublicationRefused,
    stalled: true,
  },
  {
    name: "without commands an open pull request completes the mission",
    given: snapshot(published),
    phase: "Complete",
    reason: Reason.Published,
  },
  {
    name: "without commands and proposals exit 0 is enough",
    given: snapshot({ agents: done, fold: withoutProposal }),
    phase: "Complete",
    reason: Reason.AgentsFinished,
  },
  {
    name: "commands are run on the published head",
    given: snapshot({ ...published, mission: aMission({ spec: tested }) }),
    phase: "Verifying",
    reason: Reason.Verifying,
    acts: [{ kind: "createVerifier", attempt: 1, ref: open.branch, commit: head }],
  },
  {
    name: "commands without a proposal are run on the base commit",
    given: snapshot({ agents: done, fold: withoutProposal, mission: aMission({ spec: tested }) }),
    phase: "Verifying",
    reason: Reason.Verifying,
    acts: [{ kind: "createVerifier", attempt: 1, ref: "main", commit: someCommit }],
  },
  {
    name: "a Secret that was taken back is mounted into no verifier",
    given: snapshot({ ...published, mission: aMission({ spec: tested }), secret: takenBack }),
    phase: "Verifying",
    reason: Reason.SecretNotAllowed,
    stalled: true,
  },
  {
    name: "a Secret that was taken back is mounted into no further verifier",
    given: snapshot({
      ...published,
      mission: verifying(),
      verifier: verifierPod(disruptedStatus("EvictionByEvictionAPI")),
      secret: takenBack,
    }),
    phase: "Verifying",
    reason: Reason.SecretNotAllowed,
    stalled: true,
  },
  {
    name: "without the gateway's word no verifier is made",
    given: snapshot({ ...published, mission: aMission({ spec: tested }), secret: undefined }),
    phase: "Verifying",
    reason: Reason.CheckUnavailable,
  },
  {
    name: "a verifier at work is waited for",
    given: snapshot({ ...published, mission: verifying(), verifier: verifierPod(verifyingStatus()) }),
    phase: "Verifying",
    reason: Reason.Verifying,
  },
  ...[
    { what: "on another head", mission: verifying(1, { verification: ofAnotherHead }) },
    { what: "on other criteria than the mission names", mission: verifying(1, {}, otherCriteria) },
  ].map(({ what, mission }) => ({
    name: `a verifier at work ${what} is ended, and the next one is run`,
    given: snapshot({ ...published, mission, verifier: atWork }),
    phase: "Verifying",
    reason: Reason.Verifying,
    acts: [
      { kind: "deleteVerifier" as const, pod: atWork },
      { kind: "createVerifier" as const, attempt: 2, ref: open.branch, commit: head },
    ],
  })),
  {
    name: "a verifier whose Secret was taken back while it fetched is run again once it is given back",
    given: snapshot({
      ...published,
      mission: verifying(),
      verifier: verifierPod(fetchFailedStatus("SecretNotAllowed", "taken back")),
      secret: takenBack,
    }),
    phase: "Verifying",
    reason: Reason.SecretNotAllowed,
    stalled: true,
  },
  {
    name: "a verifier that exits 0 completes the mission",
    given: snapshot({ ...published, mission: verifying(), verifier: verifierPod(verifierStatus({ exitCode: 0 })) }),
    phase: "Complete",
    reason: Reason.CriteriaMet,
  },
  {
    name: "a verifier that fails fails the mission",
    given: snapshot({
      ...published,
      mission: verifying(),
      verifier: verifierPod(verifierStatus({ exitCode: 1, message: "1 failing" })),
    }),
    phase: "Failed",
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
    phase: "Verifying",
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
    phase: "Verifying",
    reason: Reason.Verifying,
    acts: [{ kind: "createVerifier", attempt: 2, ref: open.branch, commit: head }],
  },
  {
    name: "a verifier that is gone is run again",
    given: snapshot({ ...published, mission: verifying() }),
    phase: "Verifying",
    reason: Reason.Verifying,
    acts: [{ kind: "createVerifier", attempt: 2, ref: open.branch, commit: head }],
  },
  {
    name: "ten disrupted verifiers are enough",
    given: snapshot({ ...published, mission: verifying(10) }),
    phase: "Failed",
    reason: Reason.VerifierDisrupted,
    stalled: true,
  },
  {
    name: "a finished mission is never run again, even when its agent is gone",
    given: snapshot({ mission: aMission({ status: { conditions: [condition("Complete", "CriteriaMet")] } }) }),
    phase: "Complete",
    reason: Reason.CriteriaMet,
  },
  {
    name: "suspend before admission makes nothing",
    given: snapshot({ mission: aMission({ spec: { suspend: true } }) }),
    phase: "Suspended",
    reason: Reason.Suspended,
  },
  {
    name: "what a person paused is drained, and stays so",
    given: snapshot({ mission: after("Pause"), agents: named(anAgent()) }),
    phase: "Draining",
    reason: Reason.Draining,
    acts: [{ kind: "suspendAgent", agent: anAgent(), suspend: true }],
  },
  {
    name: "what a person paused before admission makes nothing",
    given: snapshot({ mission: after("Pause") }),
    phase: "Suspended",
    reason: Reason.Paused,
  },
  {
    name: "what a person resumed goes on",
    given: snapshot({ mission: after("Resume"), agents: named(anAgent({ spec: { suspend: true } })) }),
    phase: "Running",
    reason: Reason.Working,
    acts: [{ kind: "suspendAgent", agent: anAgent({ spec: { suspend: true } }), suspend: false }],
  },
  {
    name: "what a person resumed stays suspended by its spec",
    given: snapshot({ mission: after("Resume", { suspend: true }) }),
    phase: "Suspended",
    reason: Reason.Suspended,
  },
  {
    name: "what a person cancelled fails, and its agents are stopped, paused or not",
    given: snapshot({ mission: after("Cancel", { suspend: true }), agents: named(anAgent()) }),
    phase: "Failed",
    reason: Reason.Cancelled,
    stalled: true,
    acts: [{ kind: "suspendAgent", agent: anAgent(), suspend: true }],
  },
  {
    name: "what a person cancelled while its criteria run fails, and its verifier is stopped",
    given: snapshot({
      mission: verifying(1, after("Cancel").status ?? {}),
      ...published,
      verifier: atWork,
    }),
    phase: "Failed",
    reason: Reason.Cancelled,
    stalled: true,
    acts: [{ kind: "deleteVerifier", pod: atWork }],
  },
  {
    name: "a mission that is being deleted is left to the garbage collector",
    given: snapshot({ mission: aMission({ metadata: { deletionTimestamp: "2026-11-23T10:00:00Z" } }) }),
    phase: "Pending",
    reason: Reason.Draining,
  },
];

describe("decideMission", () => {
  for (const { name, given, phase, reason, stalled = false, acts = [] } of table) {
    it(name, () => {
      const plan = decideMission(given);
      expect({ phase: plan.phase, reason: plan.reason, stalled: plan.stalled, acts: plan.acts }).toEqual({
        phase,
        reason,
        stalled,
        acts,
      });
    });
  }
});
