import { describe, expect, it } from "@jest/globals";
import type { DecidedApproval } from "#nervous-system/schemas/approvals.ts";
import type { Secret } from "#nervous-system/kubernetes/kinds.ts";
import { admitProposal, type ProposalSnapshot } from "#supervisor/publish/admit-proposal.ts";
import type { Proposal } from "#supervisor/publish/proposal.ts";
import { anAgent } from "#test/builders/agent.ts";
import { aMetadata } from "#test/builders/metadata.ts";
import { condition } from "#test/builders/mission-snapshot.ts";
import { aMission } from "#test/builders/mission.ts";

const repo = "https://forge.example.org/team/calculator.git";
const workspace = { repo, secretRef: { name: "forge" } };
const mission = aMission({ spec: { workspace } });
const agent = anAgent({ status: { attempt: 1 } });
const base64 = (text: string): string => Buffer.from(text).toString("base64");

const secret: Secret = {
  apiVersion: "v1",
  kind: "Secret",
  metadata: aMetadata("Secret", "forge", {
    labels: { "swarm.enchanted.dev/use": "git" },
    annotations: { "swarm.enchanted.dev/repositories": repo },
  }),
  data: { username: base64("ann"), password: base64("p4ss") },
};

const proposal = {
  repo,
  branch: "main",
  mission: mission.metadata.name,
  missionUid: mission.metadata.uid,
  agentName: agent.metadata.name,
  agentUid: agent.metadata.uid,
  epoch: 1,
  request: { requestID: "r", argsDigest: "sha256:of-this" },
} as Proposal;

const admit = (given: Partial<ProposalSnapshot> = {}) => admitProposal({ proposal, mission, agent, secret, ...given });

describe("admitProposal", () => {
  it("admits what an agent of a mission under way proposes, with the mission's credential", () => {
    expect(admit()).toMatchObject({ kind: "ok", value: { ref: "main", credentials: { username: "ann" } } });
  });

  it.each(["Complete", "Failed"])("publishes nothing of a mission that is %s", (type) => {
    const ended = aMission({ spec: { workspace }, status: { conditions: [condition(type, "Ended")] } });
    expect(admit({ mission: ended })).toMatchObject({ kind: "refused", reason: "MissionFinished" });
  });

  it("publishes nothing while the mission or its agent is suspended, and goes on afterwards", () => {
    const paused = aMission({ spec: { workspace, suspend: true } });
    expect(admit({ mission: paused })).toMatchObject({ kind: "retry" });
    const lastIntervention = { uid: "u", name: "i", kind: "Pause", by: "ann", at: "2026-11-23T09:00:00Z" } as const;
    const byPerson = aMission({ spec: { workspace }, status: { lastIntervention } });
    expect(admit({ mission: byPerson })).toMatchObject({ kind: "retry" });
    expect(admit({ agent: anAgent({ spec: { suspend: true } }) })).toMatchObject({ kind: "retry" });
  });

  it("lets nothing that is refused anyway wait for the end of a suspension", () => {
    const paused = aMission({ spec: { workspace, suspend: true } });
    const stale = anAgent({ spec: { suspend: true }, status: { attempt: 2 } });
    expect(admit({ mission: paused, agent: stale })).toMatchObject({ kind: "refused", reason: "StaleAttempt" });
  });

  it("takes no base but the commit that the agent began at, however old the branch is", () => {
    const [begun, older] = ["b".repeat(40), "0".repeat(40)];
    const from = (base: string) =>
      admit({ proposal: { ...proposal, base }, agent: anAgent({ status: { attempt: 1, baseCommit: begun } }) });
    expect(from(begun)).toMatchObject({ kind: "ok" });
    expect(from(older)).toMatchObject({ kind: "refused", reason: "BaseNotAllowed" });
  });

  describe("of a mission that asks a person first", () => {
    const approvals = { require: ["PullRequest" as const] };
    const of = (decidedApprovals: DecidedApproval[], suspend = false) =>
      admit({ mission: aMission({ spec: { workspace, approvals, suspend }, status: { decidedApprovals } }) });
    const decided: DecidedApproval = {
      ...proposal.request,
      decision: "Approved",
      uid: "u",
      by: "ann",
      at: "2026-11-23T09:00:00Z",
    };

    it.each<[string, DecidedApproval[]]>([
      ["nothing was decided", []],
      ["something else was approved", [{ ...decided, requestID: "other" }]],
      ["it was approved as another content", [{ ...decided, argsDigest: "sha256:of-that" }]],
      ["it was rejected", [{ ...decided, decision: "Rejected" }]],
    ])("publishes nothing where %s", (_, decisions) => {
      expect(of(decisions)).toMatchObject({ kind: "retry", awaitsPerson: true });
    });

    it("publishes exactly what was approved, and nothing while it is paused all the same", () => {
      expect(of([decided])).toMatchObject({ kind: "ok" });
      expect(of([decided], true)).toMatchObject({ kind: "retry" });
    });
  });

  it("judges the Secret by what it says now", () => {
    const { labels: _, ...unlabelled } = secret.metadata;
    expect(admit({ secret: { ...secret, metadata: unlabelled } })).toMatchObject({
      kind: "retry",
      message: expect.stringContaining("is not labelled"),
    });
    expect(admit({ secret: undefined })).toMatchObject({ reason: "SecretNotFound" });
  });
});
