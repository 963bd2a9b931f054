import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { controllerReference } from "#nervous-system/kubernetes/resource-kind.ts";
import type { Intervention, Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { isFinished } from "#nervous-system/schemas/conditions.ts";
import { publicationRequest } from "#nervous-system/schemas/approvals.ts";
import type { Caches } from "#operator/caches.ts";
import { isAppliedTo, unanswered, wasApplied, withIntervention } from "#operator/intervention/apply.ts";
import { decideIntervention } from "#operator/intervention/decide.ts";
import { computeInterventionStatus } from "#operator/intervention/status.ts";
import { decideMission } from "#operator/mission/decide.ts";
import { computeMissionStatus } from "#operator/mission/status.ts";
import { admitProposal } from "#supervisor/publish/admit-proposal.ts";
import type { Proposal } from "#supervisor/publish/proposal.ts";
import { anAgent } from "#test/builders/agent.ts";
import { anIntervention } from "#test/builders/intervention.ts";
import { aMetadata } from "#test/builders/metadata.ts";
import { done, fold, openProposal, snapshot, uid } from "#test/builders/mission-snapshot.ts";
import { aMission } from "#test/builders/mission.ts";

const hourMs = 3_600_000;
const timeoutMs = 8 * hourMs;
const startMs = Date.parse("2026-11-23T10:00:00Z");
const timeAt = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const repo = "https://forge.example.org/team/calculator.git";
const workspace = { repo, secretRef: { name: "forge" } };

const digests = ["1", "2"].map((digit) => `sha256:${digit.repeat(64)}`);
const opens = digests.map((argsDigest, n) => ({ ...openProposal, seq: 8 + n, argsDigest }));
const requests = opens.map(({ seq, argsDigest }) => ({ requestID: publicationRequest(uid, 1, seq), argsDigest }));
const frames = (() => {
  const one = fold();
  const agent = one.agents[uid]!;
  return { ...one, agents: { [uid]: { ...agent, proposals: { ...agent.proposals, open: opens } } } };
})();

const secret = {
  apiVersion: "v1",
  kind: "Secret",
  metadata: aMetadata("Secret", "forge", {
    labels: { "swarm.enchanted.dev/use": "git" },
    annotations: { "swarm.enchanted.dev/repositories": repo },
  }),
  data: { username: base64("ann"), password: base64("p4ss") },
};

/** What happens to a mission that asks: people act, operators come and go, time passes, and the publisher looks. */
type Happening =
  | { readonly do: "decide"; readonly kind: "Approve" | "Reject"; readonly request: number; readonly digest: number }
  | { readonly do: "hold"; readonly kind: "Pause" | "Resume" }
  | { readonly do: "pass"; readonly hours: number }
  | { readonly do: "round"; readonly startsAnew: boolean }
  | { readonly do: "answer" }
  | { readonly do: "publish" };

type Policy = "Reject" | "Suspend";

const createWorld = (onTimeout: Policy) => {
  let nowMs = startMs;
  let mission: Mission = aMission({
    spec: { workspace, approvals: { require: ["PullRequest"], timeout: "8h", onTimeout } },
    status: { startTime: "2026-11-23T09:00:00Z" },
  });
  const acts: Intervention[] = [];
  const published = new Set<number>();
  const caches = { interventions: { byIndex: () => acts } } as unknown as Caches;
  const create = (spec: Partial<Intervention["spec"]>): void => {
    const name = `act-${String(acts.length).padStart(4, "0")}`;
    const metadata = {
      name,
      uid: name,
      creationTimestamp: timeAt(nowMs),
      ownerReferences: [controllerReference(mission)],
    };
    acts.push(anIntervention({ spec, metadata }));
  };
  const round = (startsAnew: boolean): void => {
    const applied = withIntervention(caches, mission, nowMs);
    const seen = snapshot({
      mission: applied,
      stored: mission.status ?? {},
      agents: done,
      fold: startsAnew ? undefined : frames,
      record: { healthy: !startsAnew, starting: startsAnew, message: "", position: 40 },
      actsWait: unanswered(caches, applied).some((act) => !isAppliedTo(applied, act)),
      nowMs,
    });
    mission = { ...mission, status: computeMissionStatus(seen, decideMission(seen)) };
  };
  const answer = (): void => {
    for (const [n, intervention] of acts.entries()) {
      const record = { healthy: true, message: "", position: 40 };
      const next = unanswered(caches, mission)[0];
      const seen = { intervention, isTenant: true, mission, next, record, place: n + 1, nowMs };
      const status = computeInterventionStatus(seen, decideIntervention(seen));
      if (status !== undefined) acts[n] = { ...intervention, status };
    }
  };
  const admits = (n: number): boolean => {
    const proposal = {
      repo,
      branch: "main",
      mission: mission.metadata.name,
      missionUid: mission.metadata.uid,
      agentName: anAgent().metadata.name,
      agentUid: uid,
      epoch: 1,
      base: undefined as never,
      request: requests[n]!,
    } as unknown as Proposal;
    return admitProposal({ proposal, mission, agent: anAgent({ status: { attempt: 1 } }), secret }).kind === "ok";
  };
  const happen = (one: Happening): void => {
    switch (one.do) {
      case "decide":
        return create({
          kind: one.kind,
          requestID: requests[one.request]!.requestID,
          argsDigest: digests[one.digest]!,
        });
      case "hold":
        return create({ kind: one.kind });
      case "pass":
        nowMs += one.hours * hourMs;
        return;
      case "round":
        return round(one.startsAnew);
      case "answer":
        return answer();
      case "publish":
        for (const n of requests.keys()) if (admits(n)) published.add(n);
    }
  };
  return { happen, acts: () => acts, mission: () => mission, published };
};

const decide = (kinds: fc.Arbitrary<"Approve" | "Reject">, isExact: boolean): fc.Arbitrary<Happening> =>
  fc.record({ kind: kinds, request: fc.nat(1), digest: fc.nat(1) }).map(({ kind, request, digest }) => ({
    do: "decide",
    kind,
    request,
    digest: isExact ? request : digest,
  }));

const hold: readonly Happening[] = [
  { do: "hold", kind: "Pause" },
  { do: "hold", kind: "Resume" },
];

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 3, arbitrary: decide(fc.constant("Approve"), true) },
  { weight: 2, arbitrary: decide(fc.constantFrom("Approve", "Reject"), false) },
  { weight: 1, arbitrary: fc.constantFrom(...hold) },
  { weight: 2, arbitrary: fc.nat(5).map((hours): Happening => ({ do: "pass", hours })) },
  { weight: 4, arbitrary: fc.boolean().map((startsAnew): Happening => ({ do: "round", startsAnew })) },
  { weight: 4, arbitrary: fc.constant<Happening>({ do: "answer" }) },
  { weight: 3, arbitrary: fc.constant<Happening>({ do: "publish" }) },
);

type World = ReturnType<typeof createWorld>;

/** Whether a person had asked, in time, for exactly that to be published. */
const isAskedFor = (
  { acts }: World,
  onTimeout: Policy,
  { requestID, argsDigest }: (typeof requests)[number],
): boolean =>
  acts()
    .filter(({ spec }) => spec.kind === "Approve" && spec.requestID === requestID && spec.argsDigest === argsDigest)
    .some(({ metadata }) => onTimeout === "Suspend" || Date.parse(metadata.creationTimestamp) < startMs + timeoutMs);

describe("a mission that asks before it publishes", () => {
  it.each<Policy>(["Reject", "Suspend"])(
    "publishes nothing that was not approved, in whatever order things happen (onTimeout: %s)",
    (onTimeout) => {
      let publications = 0;
      const holds = (history: readonly Happening[]): void => {
        const world = createWorld(onTimeout);
        const answers = new Map<string, boolean>();
        for (const one of [{ do: "round", startsAnew: false } as const, ...history]) {
          world.happen(one);
          for (const n of world.published) expect(isAskedFor(world, onTimeout, requests[n]!)).toBe(true);
          for (const act of world.acts().filter(({ status }) => isFinished(status?.conditions))) {
            // An answer stays as it was given.
            expect(wasApplied(act)).toBe(answers.get(act.metadata.uid) ?? wasApplied(act));
            answers.set(act.metadata.uid, wasApplied(act));
          }
        }
        const applied = world.acts().filter(wasApplied);
        for (const { requestID } of requests)
          expect(applied.filter(({ spec }) => spec.requestID === requestID).length).toBeLessThanOrEqual(1);
        const { decidedApprovals = [], outcome } = world.mission().status ?? {};
        if (decidedApprovals.some(({ decision }) => decision === "Rejected")) expect(outcome?.reason).toBe("Rejected");
        publications += world.published.size;
      };
      fc.assert(fc.property(fc.array(happening, { minLength: 5, maxLength: 40 }), holds), {
        numRuns: 300,
        seed: 13,
        endOnFailure: true,
      });
      expect(publications).toBeGreaterThan(20);
    },
  );
});
