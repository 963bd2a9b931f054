import { describe, expect, it } from "@jest/globals";
import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { catalog } from "#nervous-system/schemas/frames/catalog.ts";
import { endedMission } from "#test/builders/ended-mission.ts";
import { verdictOf } from "./verdict-of.ts";

const commit = "ab".repeat(20);
const payloadOf = (mission: Mission) => verdictOf(mission)?.payload;

describe("the verdict on a mission", () => {
  it.each([
    ["whose criteria hold", "Complete", "CriteriaMet", "All 2 hold.", { subject: commit, passed: true }],
    ["whose criteria do not", "Failed", "CriteriaFailed", "`npm test` ended.", { subject: commit, passed: false }],
  ] as const)("%s says so of the commit", (_, type, reason, message, expected) => {
    const payload = payloadOf(endedMission({ type, reason, message }));
    expect(payload).toEqual({ gate: "success criteria", findings: [message], ...expected });
    expect(catalog.VERDICT.payload.safeParse(payload)).toMatchObject({ success: true });
  });

  it("that failed before its criteria were run says why", () => {
    expect(payloadOf(endedMission({ type: "Failed", reason: "AgentFailed", message: "It gave up." }))).toEqual({
      gate: "mission",
      subject: "fix-bug",
      passed: false,
      findings: ["AgentFailed: It gave up."],
    });
  });

  it.each([
    ["that nothing judged", { type: "Complete", reason: "AgentsFinished" }],
    ["that is published and has no criteria", { type: "Complete", reason: "Published" }],
    ["whose verifiers the cluster ended", { type: "Failed", reason: "VerifierDisrupted" }],
    ["that a person cancelled", { type: "Failed", reason: "Cancelled" }],
    ["that goes on", { type: "Reconciling", reason: "CriteriaMet" }],
  ] as const)("is none of one %s", (_, end) => {
    expect(verdictOf(endedMission({ message: "", ...end }))).toBeUndefined();
  });

  it("is none of one without a status", () => {
    const { metadata, spec } = endedMission({ type: "Complete", reason: "CriteriaMet", message: "" });
    expect(verdictOf({ metadata, spec } as Mission)).toBeUndefined();
  });

  it("has the end of a failed command's output, cut, and no half characters", () => {
    const evidence = `${"x".repeat(3000)}\ud800`;
    const end = { type: "Failed", reason: "CriteriaFailed", message: "half \ud800", evidence } as const;
    const { findings } = payloadOf(endedMission(end)) as { findings: string[] };
    expect(findings).toEqual(["half \ufffd", `${"x".repeat(2047)}…`]);
  });

  it("is the same one however often it is told, and another mission's is another", () => {
    const end = { type: "Complete", reason: "CriteriaMet", message: "" } as const;
    expect(verdictOf(endedMission(end))).toEqual(verdictOf(endedMission(end)));
    expect(verdictOf(endedMission(end, { uid: "other" }))?.eventId).not.toBe(verdictOf(endedMission(end))?.eventId);
  });
});
