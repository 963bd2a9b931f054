import { describe, expect, it } from "@jest/globals";
import { publicationRequest, type PendingApproval } from "#nervous-system/schemas/approvals.ts";
import type { MissionStatus } from "#nervous-system/schemas/resources/mission.ts";
import { decideMission } from "#operator/mission/decide.ts";
import { missionEvents } from "#operator/mission/events.ts";
import type { MissionSnapshot } from "#operator/mission/plan.ts";
import { computeMissionStatus } from "#operator/mission/status.ts";
import { done, fold, openProposal, snapshot, uid } from "#test/builders/mission-snapshot.ts";
import { aMission } from "#test/builders/mission.ts";

const requestID = publicationRequest(uid, openProposal.epoch, openProposal.seq);
const request = { requestID, argsDigest: openProposal.argsDigest };
const pendingSince = (since: string): PendingApproval => ({
  ...request,
  agent: "fix-bug-coder",
  kind: "PullRequest",
  summary: 'Agent "fix-bug-coder" asks to open a pull request into main: "Fix it" (222222222222, 1 file).',
  since,
});
const decided = (decision: "Approved" | "Rejected") => ({
  ...request,
  decision,
  uid: "u",
  by: "ann",
  at: "2026-11-23T09:59:00Z",
  text: "Seen.",
});
const early: MissionStatus = { pendingApprovals: [pendingSince("2026-11-23T01:00:00Z")] };
const recent: MissionStatus = { pendingApprovals: [pendingSince("2026-11-23T09:59:00Z")] };

/** A mission whose coder is done and proposed once; it is 10:00, and a person is waited for for eight hours. */
const asking = (status: MissionStatus, more: Partial<MissionSnapshot> = {}, spec = {}): MissionSnapshot => {
  const approvals = { require: ["PullRequest" as const], timeout: "8h", onTimeout: "Reject" as const, ...spec };
  const mission = aMission({ spec: { approvals }, status: { startTime: "2026-11-23T00:30:00Z", ...status } });
  return snapshot({ mission, agents: done, fold: fold(), ...more });
};
const away = { record: { healthy: false, starting: true, message: "Reading.", position: 0 }, fold: undefined };

const statusOf = (given: MissionSnapshot): MissionStatus => computeMissionStatus(given, decideMission(given));
const typesOf = ({ conditions = [] }: MissionStatus): string[] =>
  conditions.filter(({ status }) => status === "True").map(({ type }) => type);

describe("a mission that asks before it publishes", () => {
  it.each<[string, MissionSnapshot, { phase: string; reason: string }]>([
    ["asks once its agents are done", asking({}), { phase: "AwaitingHuman", reason: "ApprovalRequired" }],
    ["goes on asking", asking(recent), { phase: "AwaitingHuman", reason: "ApprovalRequired" }],
    ["asks on while the record is away", asking(recent, away), { phase: "AwaitingHuman", reason: "ApprovalRequired" }],
    [
      "asks for nothing that was approved",
      asking({ decidedApprovals: [decided("Approved")] }),
      { phase: "Publishing", reason: "Publishing" },
    ],
    [
      "is over once it was rejected",
      asking({ decidedApprovals: [decided("Rejected")] }),
      { phase: "Failed", reason: "Rejected" },
    ],
    ["is over once its time is", asking(early), { phase: "Failed", reason: "ApprovalTimedOut" }],
    [
      "is over once its time is, also while the record is away",
      asking(early, away),
      { phase: "Failed", reason: "ApprovalTimedOut" },
    ],
    [
      "waits for the answer of acts that came in time",
      asking(early, { actsWait: true }),
      { phase: "AwaitingHuman", reason: "ApprovalRequired" },
    ],
    [
      "is held up once its time is, where that suspends",
      asking(early, {}, { onTimeout: "Suspend" }),
      { phase: "Suspended", reason: "ApprovalTimedOut" },
    ],
    [
      "is paused before anything else",
      asking({
        ...early,
        lastIntervention: { uid: "p", name: "p", kind: "Pause", by: "ann", at: "2026-11-23T09:00:00Z" },
      }),
      { phase: "Suspended", reason: "Paused" },
    ],
  ])("%s", (_, given, expected) => {
    expect(decideMission(given)).toMatchObject(expected);
  });

  it("tells what it asks, and since when, however often it is looked at", () => {
    const first = statusOf(asking({}));
    expect(first.pendingApprovals).toEqual([pendingSince("2026-11-23T10:00:00Z")]);
    expect(typesOf(first)).toContain("AwaitingHuman");
    expect(first.conditions?.find(({ type }) => type === "Ready")).toMatchObject({
      status: "False",
      message: expect.stringContaining("enchanted approve fix-bug"),
    });
    expect(statusOf(asking(recent)).pendingApprovals).toEqual(recent.pendingApprovals);
    expect(statusOf(asking(recent, away)).pendingApprovals).toEqual(recent.pendingApprovals);
  });

  it("asks no more for what was decided, nor once it is over", () => {
    expect(statusOf(asking({ ...recent, decidedApprovals: [decided("Approved")] })).pendingApprovals).toBeUndefined();
    const over = statusOf(asking({ ...recent, decidedApprovals: [decided("Rejected")] }));
    expect(over.pendingApprovals).toBeUndefined();
    expect(over.outcome).toMatchObject({ reason: "Rejected", message: "Rejected by ann: Seen." });
    expect(typesOf(over)).not.toContain("AwaitingHuman");
  });

  it("keeps what it asks through a pause", () => {
    const lastIntervention = { uid: "p", name: "p", kind: "Pause", by: "ann", at: "2026-11-23T09:59:30Z" } as const;
    expect(statusOf(asking({ ...recent, lastIntervention })).pendingApprovals).toEqual(recent.pendingApprovals);
  });

  it("looks again when the time is over", () => {
    const sevenHours = { pendingApprovals: [pendingSince("2026-11-23T02:00:30Z")] };
    expect(decideMission(asking(sevenHours)).outcome).toMatchObject({ recheckMs: 30_000 });
  });

  it("tells by Events what is asked, that it is approved, and that its time is over", () => {
    const first = statusOf(asking({}));
    const reasons = (before: MissionStatus, after: MissionStatus) =>
      missionEvents(before, after).map(({ reason }) => reason);
    expect(reasons({ startTime: "t" }, first)).toEqual(["ApprovalRequired"]);
    expect(reasons(first, statusOf(asking({ ...first })))).toEqual([]);
    expect(reasons(first, statusOf(asking({ ...first, decidedApprovals: [decided("Approved")] })))).toEqual([
      "Approved",
    ]);
    const late = statusOf(asking({ ...first, ...early }, {}, { onTimeout: "Suspend" }));
    expect(reasons(first, late)).toEqual(["ApprovalTimedOut"]);
    expect(typesOf(late)).toEqual(expect.arrayContaining(["AwaitingHuman", "Stalled", "Suspended"]));
  });

  it("asks nobody where its spec does not say so", () => {
    const given = snapshot({ agents: done, fold: fold() });
    expect(decideMission(given)).toMatchObject({ phase: "Publishing" });
    expect(statusOf(given).pendingApprovals).toBeUndefined();
  });
});
