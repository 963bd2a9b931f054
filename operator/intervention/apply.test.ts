import { describe, expect, it } from "@jest/globals";
import { controllerReference } from "#nervous-system/kubernetes/resource-kind.ts";
import type { Intervention } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { Reason } from "#nervous-system/schemas/conditions.ts";
import type { InterventionSpec } from "#nervous-system/schemas/resources/intervention.ts";
import type { Caches } from "#operator/caches.ts";
import { unanswered, withIntervention } from "#operator/intervention/apply.ts";
import { anIntervention } from "#test/builders/intervention.ts";
import { condition } from "#test/builders/mission-snapshot.ts";
import { aMission } from "#test/builders/mission.ts";

const mission = aMission();
const nowMs = Date.parse("2026-11-23T09:00:30Z");

const act = (name: string, spec: Partial<InterventionSpec>, given: Partial<Intervention> = {}): Intervention => ({
  ...anIntervention({ spec, metadata: { name, ownerReferences: [controllerReference(mission)] } }),
  ...given,
});
const cached = (...acts: readonly Intervention[]): Pick<Caches, "interventions"> =>
  ({ interventions: { byIndex: () => acts } }) as unknown as Pick<Caches, "interventions">;

const hint = act("a-hint", { kind: "Message", text: "Look at the limiter." });
const pause = act("b-pause", { kind: "Pause", text: "x".repeat(2_000) });
const resume = act("c-resume", { kind: "Resume" });
const answered = act(
  "0-done",
  { kind: "Cancel" },
  {
    status: { conditions: [condition("Failed", Reason.NotPaused)] },
  },
);
const strangers = anIntervention({ spec: { kind: "Cancel" }, metadata: { name: "0-strange" } });

describe("the acts on a mission", () => {
  it("are taken in their order, and a Message, which waits for the record, holds up none", () => {
    const names = unanswered(cached(resume, hint, strangers, answered, pause), mission).map(
      ({ metadata }) => metadata.name,
    );
    expect(names).toEqual(["b-pause", "c-resume"]);
  });

  it("change it one by one: the next waits for the answer of the one before", () => {
    const paused = withIntervention(cached(resume, pause), mission, nowMs);
    expect(paused.status?.lastIntervention).toEqual({
      uid: pause.metadata.uid,
      name: "b-pause",
      kind: "Pause",
      by: "ann",
      at: "2026-11-23T09:00:30Z",
      text: "x".repeat(1_024),
    });
    expect(withIntervention(cached(resume, pause), paused, nowMs)).toBe(paused);
    const resumed = withIntervention(cached(resume), paused, nowMs);
    expect(resumed.status?.lastIntervention).toMatchObject({ name: "c-resume", kind: "Resume" });
  });

  it("decide a request beside a pause, which they do not take back", () => {
    const request = { requestID: "r", argsDigest: "sha256:this" };
    const asked = { ...request, agent: "a", kind: "PullRequest", summary: "s", since: "2026-11-23T09:00:00Z" } as const;
    const spec = { approvals: { require: ["PullRequest" as const] } };
    const paused = withIntervention(cached(pause), aMission({ spec, status: { pendingApprovals: [asked] } }), nowMs);
    const approve = act("d-approve", { kind: "Approve", ...request, text: "Fine." });
    const { status } = withIntervention(cached(approve), paused, nowMs);
    expect(status?.lastIntervention).toMatchObject({ kind: "Pause" });
    const at = "2026-11-23T09:00:30Z";
    const { uid } = approve.metadata;
    expect(status?.decidedApprovals).toEqual([{ ...request, decision: "Approved", uid, by: "ann", at, text: "Fine." }]);
  });

  it("change nothing where they cannot be, nor by a Message", () => {
    for (const one of [resume, hint]) expect(withIntervention(cached(one), mission, nowMs)).toBe(mission);
  });
});
