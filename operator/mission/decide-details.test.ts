import { describe, expect, it } from "@jest/globals";
import { Reason } from "#nervous-system/schemas/conditions.ts";
import { emptyAgent, type MissionFold } from "#nervous-system/fold/state.ts";
import { decideMission } from "#operator/mission/decide.ts";
import { anAgent } from "#test/builders/agent.ts";
import { aMission } from "#test/builders/mission.ts";
import { verifierStatus } from "#test/builders/pod-status.ts";
import {
  condition,
  named,
  snapshot,
  doneStatus,
  uid,
  head,
  open,
  fold,
  verifying,
  verifierPod,
  published,
  secretMission,
} from "#test/builders/mission-snapshot.ts";

describe("decideMission, beyond the table", () => {
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

  it("brings an edit of the allowed hosts to its agents, as long as they are not finished", () => {
    const allowHosts = ["registry.example.org"];
    const mission = aMission({ spec: { egress: { allowHosts } } });
    const before = anAgent({ status: { phase: "Running" } });
    const edited = decideMission(snapshot({ mission, agents: named(before) }));
    expect(edited.acts).toEqual([{ kind: "allowHosts", agent: before, hosts: allowHosts }]);
    const after = anAgent({ spec: { egress: { allowHosts } }, status: { phase: "Running" } });
    expect(decideMission(snapshot({ mission, agents: named(after) })).acts).toEqual([]);
    const revoked = decideMission(snapshot({ agents: named(after) }));
    expect(revoked.acts).toEqual([{ kind: "allowHosts", agent: after, hosts: [] }]);
    const ended = anAgent({ status: { conditions: [condition("Complete", "Succeeded")] } });
    expect(decideMission(snapshot({ mission, agents: named(ended) })).acts).not.toContainEqual(
      expect.objectContaining({ kind: "allowHosts" }),
    );
  });

  it("changes an agent once a round: first it is suspended, then its hosts follow", () => {
    const mission = aMission({ spec: { suspend: true, egress: { allowHosts: ["registry.example.org"] } } });
    const kinds = (suspend: boolean): string[] =>
      decideMission(snapshot({ mission, agents: named(anAgent({ spec: { suspend } })) })).acts.map(({ kind }) => kind);
    expect(kinds(false)).toEqual(["suspendAgent"]);
    expect(kinds(true)).toEqual(["allowHosts"]);
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
