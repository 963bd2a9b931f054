import { describe, expect, it } from "@jest/globals";
import { missionTraceId } from "#nervous-system/schemas/traces.ts";
import type { Caller } from "#pipeline/collector/caller.ts";
import { stampOf } from "./stamp-of.ts";

const agentOf = (missionUid: string, namespace: string): Caller => ({
  agentUid: `agent of ${missionUid}`,
  agent: "fix-coder",
  namespace,
  producers: ["agent", "scribe"],
  recorder: "scribe",
  bound: { epoch: 1, missionUid, mission: "fix" },
});
const clientIn = (namespace: string): Caller => ({
  agentUid: "c",
  namespace,
  producers: ["agent", "scribe"],
  recorder: "scribe",
  principal: "ann@example.org",
});
const [mine, theirs] = ["11111111-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000002"];
const any = "4bf92f3577b34da6a3ce929d0e0e4736";
const traceFor = (caller: Caller, traceId: string): string | undefined => stampOf(caller)?.traceOf(traceId);

describe("what goes on of an agent", () => {
  it("is stamped with namespace, mission and agent by its token", () => {
    expect(stampOf(agentOf(mine, "team-a"))?.attributes).toEqual({
      "enchanted.namespace": "team-a",
      "enchanted.mission": "fix",
      "enchanted.mission_uid": mine,
      "enchanted.agent": "fix-coder",
      "enchanted.agent_uid": `agent of ${mine}`,
    });
  });

  it("is in its mission's trace, or in one that no other mission and no client can write into", () => {
    const agent = agentOf(mine, "team-a");
    expect(traceFor(agent, missionTraceId(mine))).toBe(missionTraceId(mine));
    const moved = traceFor(agent, any) ?? "";
    expect(moved).toMatch(/^[0-9a-f]{32}$/);
    expect(traceFor(agent, any)).toBe(moved);
    const others = [agentOf(theirs, "team-a"), clientIn("team-a"), clientIn(mine)];
    for (const other of others)
      for (const named of [any, moved, missionTraceId(mine)])
        expect([moved, missionTraceId(mine)]).not.toContain(traceFor(other, named));
  });

  it("is never in another mission's trace", () => {
    expect(traceFor(agentOf(mine, "team-a"), missionTraceId(theirs))).not.toBe(missionTraceId(theirs));
  });
});

describe("what goes on of an external client", () => {
  it("is stamped with its namespace and user, and stays in its trace", () => {
    const stamp = stampOf(clientIn("team-b"));
    expect(stamp?.attributes).toEqual({ "enchanted.namespace": "team-b", "enchanted.principal": "ann@example.org" });
    expect(stamp?.traceOf(any)).toBe(any);
  });

  it("is never in a mission's trace", () => {
    const moved = traceFor(clientIn("team-b"), missionTraceId(mine));
    expect(moved).not.toBe(missionTraceId(mine));
    expect(moved).not.toBe(traceFor(clientIn("team-c"), missionTraceId(mine)));
  });
});

describe("what goes on of a component", () => {
  it("stays as it came", () => {
    const caller: Caller = { agentUid: "g", namespace: "system", producers: ["gateway"], recorder: "gateway" };
    expect(stampOf(caller)).toBeUndefined();
  });
});
