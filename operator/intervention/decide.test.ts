import { describe, expect, it } from "@jest/globals";
import { controllerReference } from "#nervous-system/kubernetes/resource-kind.ts";
import type { Intervention, Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { Reason } from "#nervous-system/schemas/conditions.ts";
import type { ChangingKind, InterventionKind } from "#nervous-system/schemas/resources/intervention.ts";
import type { MissionStatus } from "#nervous-system/schemas/resources/mission.ts";
import { decideIntervention, type InterventionSnapshot } from "#operator/intervention/decide.ts";
import { computeInterventionStatus, interventionEvents } from "#operator/intervention/status.ts";
import { anIntervention } from "#test/builders/intervention.ts";
import { condition } from "#test/builders/mission-snapshot.ts";
import { aMission } from "#test/builders/mission.ts";

const nowMs = Date.parse("2026-11-23T09:00:30Z");
const at = "2026-11-23T09:00:10Z";
const health = { healthy: true, message: "", position: 40 };

const after = (kind: ChangingKind, given: MissionStatus = {}, uid = "another"): Mission =>
  aMission({ status: { lastIntervention: { uid, name: "i", kind, by: "bob", at, text: "Too dear." }, ...given } });

/** An act that its mission owns already. */
const owned = (given: Parameters<typeof anIntervention>[0] = {}): Intervention =>
  anIntervention({ ...given, metadata: { ownerReferences: [controllerReference(aMission())], ...given.metadata } });
const act = (kind: InterventionKind): Intervention => owned({ spec: { kind, text: "Look at the limiter." } });

const snapshot = (given: Partial<InterventionSnapshot> = {}): InterventionSnapshot => ({
  intervention: owned(),
  isTenant: true,
  mission: aMission(),
  next: given.intervention ?? owned(),
  record: health,
  place: undefined,
  nowMs,
  ...given,
});

type Case = {
  name: string;
  given: Partial<InterventionSnapshot>;
  phase?: string;
  reason?: string;
  message?: RegExp;
  act?: "own" | "record";
};

const request = { requestID: "r", argsDigest: "sha256:this" };
const pending = { ...request, agent: "fix-bug-coder", kind: "PullRequest", summary: "It asks.", since: at } as const;
const decidedBy = (decision: "Approved" | "Rejected", uid: string): MissionStatus => ({
  decidedApprovals: [{ ...request, decision, uid, by: "bob", at }],
});
/** A mission that asks for a minute at most. */
const asking = (onTimeout: "Reject" | "Suspend", status: MissionStatus = { pendingApprovals: [pending] }): Mission =>
  aMission({ spec: { approvals: { require: ["PullRequest"], timeout: "1m", onTimeout } }, status });
const decision = (kind: "Approve" | "Reject", given: Partial<typeof request> = {}, creationTimestamp = at) =>
  owned({ spec: { kind, ...request, ...given }, metadata: { creationTimestamp } });
const inAnHour = "2026-11-23T10:00:00Z";

const decisions: Case[] = [
  {
    name: "that approves what is asked is its mission's to apply",
    given: { intervention: decision("Approve"), mission: asking("Reject") },
  },
  {
    name: "that approves is applied once its mission holds it",
    given: {
      intervention: decision("Approve"),
      mission: asking("Reject", decidedBy("Approved", owned().metadata.uid)),
    },
    phase: "Applied",
    reason: Reason.Applied,
    message: /the publisher opens the pull request/,
  },
  {
    name: "that approves again changes nothing",
    given: { intervention: decision("Approve"), mission: asking("Reject", decidedBy("Approved", "other")) },
    phase: "Superseded",
    reason: Reason.Superseded,
    message: /decided already: Approved by bob, 2026-11-23T09:00:10Z/,
  },
  {
    name: "that rejects what was approved changes nothing",
    given: { intervention: decision("Reject"), mission: asking("Reject", decidedBy("Approved", "other")) },
    phase: "Denied",
    reason: Reason.RequestDecided,
  },
  {
    name: "that approves again, but another content, is not taken for the same",
    given: {
      intervention: decision("Approve", { argsDigest: "sha256:that" }),
      mission: asking("Reject", decidedBy("Approved", "other")),
    },
    phase: "Denied",
    reason: Reason.RequestDecided,
  },
  {
    name: "that approves another content is denied, and both are named",
    given: { intervention: decision("Approve", { argsDigest: "sha256:that" }), mission: asking("Suspend") },
    phase: "Denied",
    reason: Reason.OtherArguments,
    message: /about sha256:that, .* asks for sha256:this/,
  },
  {
    name: "that approves what nobody asks is denied",
    given: { intervention: decision("Approve", { requestID: "x" }), mission: asking("Suspend") },
    phase: "Denied",
    reason: Reason.RequestNotFound,
  },
  {
    name: "that comes too late is denied where that rejects",
    given: { intervention: decision("Approve", {}, inAnHour), mission: asking("Reject") },
    phase: "Denied",
    reason: Reason.ApprovalTimedOut,
  },
  {
    name: "that came in time and is read late is its mission's to apply",
    given: { intervention: decision("Approve"), mission: asking("Reject"), nowMs: Date.parse(inAnHour) },
  },
  {
    name: "that comes late is its mission's to apply where that suspends",
    given: { intervention: decision("Approve", {}, inAnHour), mission: asking("Suspend") },
  },
];

const appliedStatus = { phase: "Applied", message: "Done.", conditions: [condition("Complete", Reason.Applied)] };

const table: Case[] = [
  { name: "is given to its mission first", given: { intervention: anIntervention() }, act: "own" },
  { name: "is its mission's to apply", given: {} },
  {
    name: "is applied once its mission holds it, as after a crash between the two writes",
    given: { mission: after("Pause", {}, owned().metadata.uid) },
    phase: "Applied",
    reason: Reason.Applied,
  },
  {
    name: "waits for the one before it",
    given: { next: owned({ metadata: { name: "first", uid: "first" } }) },
    phase: "Pending",
    reason: Reason.WaitsItsTurn,
    message: /^"first" is answered before it\.$/,
  },
  {
    name: "that pauses twice changes nothing, and says who did",
    given: { mission: after("Pause") },
    phase: "Superseded",
    reason: Reason.Superseded,
    message: /paused already, since 2026-11-23T09:00:10Z by bob: Too dear\./,
  },
  {
    name: "that resumes what nobody paused is denied",
    given: { intervention: act("Resume") },
    phase: "Denied",
    reason: Reason.NotPaused,
    message: /it is not held up$/,
  },
  {
    name: "that resumes twice is denied",
    given: { intervention: act("Resume"), mission: after("Resume") },
    phase: "Denied",
    reason: Reason.NotPaused,
  },
  {
    name: "that resumes what its spec suspends says where that is",
    given: { intervention: act("Resume"), mission: aMission({ spec: { suspend: true } }) },
    phase: "Denied",
    reason: Reason.NotPaused,
    message: /set spec\.suspend to false/,
  },
  {
    name: "that resumes what a budget pauses says what that waits for",
    given: {
      intervention: act("Resume"),
      mission: aMission({ status: { conditions: [condition("Stalled", Reason.BudgetExceeded)] } }),
    },
    phase: "Denied",
    reason: Reason.NotPaused,
    message: /because of BudgetExceeded/,
  },
  {
    name: "that resumes what was paused is its mission's to apply",
    given: { intervention: act("Resume"), mission: after("Pause") },
  },
  ...[Reason.RepeatedAction, Reason.AlternatingEdits, Reason.Idle, Reason.RecordingLost].map((reason): Case => ({
    name: `that resumes what pauses by itself for ${reason} is its mission's to apply`,
    given: {
      intervention: act("Resume"),
      mission: aMission({ status: { conditions: [condition("Suspended", reason)] } }),
    },
  })),
  {
    name: "that cancels what is paused is its mission's to apply",
    given: { intervention: act("Cancel"), mission: after("Pause") },
  },
  ...(["Pause", "Resume", "Cancel", "Message"] as const).flatMap((kind) =>
    (["Complete", "Failed"] as const).map((end): Case => ({
      name: `${kind} comes too late for a mission that is ${end}`,
      given: { intervention: act(kind), mission: aMission({ status: { conditions: [condition(end, "Ended")] } }) },
      phase: "Denied",
      reason: Reason.MissionFinished,
    })),
  ),
  {
    name: "waits a minute for a mission that comes with it",
    given: { mission: undefined, next: undefined },
    phase: "Pending",
    reason: Reason.MissionNotFound,
    message: /no mission "fix-bug" in namespace "team-a"/,
  },
  {
    name: "expires where no mission came",
    given: { mission: undefined, next: undefined, nowMs: Date.parse("2026-11-23T09:01:01Z") },
    phase: "Expired",
    reason: Reason.MissionNotFound,
  },
  {
    name: "expires where a mission of that name came later, while no operator ran",
    given: {
      intervention: anIntervention(),
      mission: aMission({ metadata: { creationTimestamp: "2026-11-23T09:05:00Z" } }),
    },
    phase: "Expired",
    reason: Reason.MissionNotFound,
  },
  {
    name: "of a mission that is gone is none of the one that has its name",
    given: { mission: aMission({ metadata: { uid: "made-anew" } }) },
    phase: "Denied",
    reason: Reason.MissionNotFound,
  },
  {
    name: "is taken by nobody where no mission runs",
    given: { isTenant: false },
    phase: "Denied",
    reason: Reason.NotTenant,
  },
  {
    name: "that is applied is recorded",
    given: { intervention: owned({ status: appliedStatus }) },
    phase: "Applied",
    act: "record",
  },
  {
    name: "that is applied is not recorded before the past is read: it may tell of it",
    given: { intervention: owned({ status: appliedStatus }), record: { ...health, healthy: false, starting: true } },
    phase: "Applied",
  },
  {
    name: "that is in the stream is not recorded again",
    given: { intervention: owned({ status: appliedStatus }), place: 41 },
    phase: "Applied",
  },
  {
    name: "of a mission that was made anew is not told of in the new one's record",
    given: { intervention: owned({ status: appliedStatus }), mission: aMission({ metadata: { uid: "made-anew" } }) },
    phase: "Applied",
  },
  {
    name: "that says something is told in the record, and applied by that",
    given: { intervention: act("Message") },
    phase: "Pending",
    reason: Reason.Recording,
    act: "record",
  },
  {
    name: "that says something is not told before the past is read",
    given: { intervention: act("Message"), record: { ...health, healthy: false, starting: true, message: "Reading." } },
    phase: "Pending",
    message: /^Reading\.$/,
  },
  {
    name: "that was said is applied, also where its mission has ended meanwhile",
    given: {
      intervention: act("Message"),
      mission: aMission({ status: { conditions: [condition("Complete", "Ended")] } }),
      place: 41,
    },
    phase: "Applied",
  },
  {
    name: "that was denied stays denied",
    given: {
      intervention: owned({ status: { phase: "Denied", conditions: [condition("Failed", Reason.NotPaused)] } }),
    },
  },
];

describe("an act", () => {
  it.each([...table, ...decisions])("$name", ({ given, phase, reason, message = /(?:)/, act: wanted }) => {
    const plan = decideIntervention(snapshot(given));
    expect({ phase: plan.phase, act: plan.act?.kind }).toEqual({ phase, act: wanted });
    if (reason !== undefined) expect(plan.reason).toBe(reason);
    expect(plan.message ?? "").toMatch(message);
  });
});

describe("its status", () => {
  const statusOf = (given: Partial<InterventionSnapshot>) => {
    const of = snapshot(given);
    return computeInterventionStatus(of, decideIntervention(of));
  };
  const types = (given: Partial<InterventionSnapshot>): string[] =>
    (statusOf(given)?.conditions ?? []).map(({ type, status }) => `${type}=${status}`);

  it("is Complete where what was wanted holds, Failed where it never will, and Reconciling before", () => {
    const own = owned().metadata.uid;
    expect(types({ mission: after("Pause", {}, own) })).toEqual(["Complete=True", "Ready=True", "Recording=False"]);
    expect(types({ mission: after("Pause") })).toEqual(["Complete=True", "Ready=True"]);
    expect(types({ intervention: act("Resume") })).toEqual(["Failed=True", "Ready=False", "Stalled=True"]);
    expect(types({ mission: undefined, next: undefined })).toEqual(["Ready=False", "Reconciling=True"]);
  });

  it("names the place of its frame, and why there is none where the record is away", () => {
    const intervention = owned({ status: appliedStatus });
    expect(statusOf({ intervention, place: 41 })).toMatchObject({ appliedSeq: 41, message: "Done." });
    const away = statusOf({ intervention, record: { ...health, healthy: false, message: "No connection." } });
    expect(away?.conditions).toContainEqual(
      expect.objectContaining({ type: "Recording", status: "False", message: "No connection." }),
    );
  });

  it("is told by an Event, once", () => {
    const given = { intervention: act("Resume") };
    const status = statusOf(given)!;
    expect(interventionEvents({}, status)).toMatchObject([{ type: "Warning", reason: Reason.NotPaused }]);
    expect(interventionEvents(status, status)).toEqual([]);
  });
});
