import { describe, expect, it } from "@jest/globals";
import { Reason } from "#nervous-system/schemas/conditions.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";
import { reduceMission } from "#nervous-system/fold/reduce.ts";
import { emptyMission, type FoldInput } from "#nervous-system/fold/state.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import { decideMission } from "#operator/mission/decide.ts";
import { computeMissionStatus } from "#operator/mission/status.ts";
import { anAgent } from "#test/builders/agent.ts";
import { aFrame } from "#test/builders/frame.ts";
import { aMission } from "#test/builders/mission.ts";
import { aModel, readyModelStatus } from "#test/builders/model.ts";
import { verifierStatus } from "#test/builders/pod-status.ts";
import {
  condition,
  done,
  head,
  named,
  snapshot,
  doneStatus,
  uid,
  open,
  verifying,
  verifierPod,
  published,
  secretMission,
  tested,
} from "#test/builders/mission-snapshot.ts";

const anAnswer = (seq: number, about: Envelope["about"] & {}, payload: Record<string, unknown>): FoldInput =>
  aFrame(
    1,
    {
      event_type: "PUBLICATION",
      producer: "supervisor",
      agent_uid: "00000000-0000-4000-8000-0000000000bb",
      seq,
      about,
    },
    payload,
  );

const priced = aModel({ status: readyModelStatus, spec: { pricing: { inputPerMTok: "3", outputPerMTok: "15" } } });

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
        verifier: verifierPod(verifierStatus({ exitCode: 1, message: "1 failing" })),
      }),
    );
    expect(plan.ending).toMatchObject({ evidence: "1 failing" });
    expect(plan.message).toContain("`npm test`");
  });

  it("says in what is to be mended that it takes a new mission, and not where nothing is", () => {
    const gaveUp = anAgent({ status: { conditions: [condition("Failed", "RefNotFound")] } });
    const failed = decideMission(snapshot({ agents: named(gaveUp) }));
    expect(failed.ending?.message).toMatch(/because of RefNotFound\. .*mend it in a new mission\.$/);
    const red = decideMission(
      snapshot({
        ...published,
        mission: verifying(),
        verifier: verifierPod(verifierStatus({ exitCode: 1, message: "1 failing" })),
      }),
    );
    expect(red.ending?.message).not.toContain("new mission");
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
    expect(suspend).toMatchObject({
      phase: "Draining",
      reason: Reason.Draining,
      acts: [{ kind: "suspendAgent", suspend: true }],
    });
    const paused = anAgent({ spec: { suspend: true }, status: { conditions: [condition("Suspended", "Suspended")] } });
    const still = decideMission(snapshot({ mission: aMission({ spec: { suspend: true } }), agents: named(paused) }));
    expect(still).toMatchObject({ phase: "Suspended", reason: Reason.Suspended, acts: [] });
    const resumed = decideMission(snapshot({ agents: named(paused) }));
    expect(resumed).toMatchObject({ phase: "Running", acts: [{ kind: "suspendAgent", suspend: false }] });
  });

  it("counts only the proposals of the last attempt that proposed, once nothing of another can be pushed any more", () => {
    const agents = named(
      anAgent({ status: { ...doneStatus, attempt: 2, history: [{ attempt: 2, reason: "Succeeded", toSeq: 9 }] } }),
    );
    const twice = [
      aFrame(1, { event_type: "PROPOSAL", seq: 3, event_id: "p0" }),
      aFrame(2, { event_type: "PROPOSAL", epoch: 2, seq: 9, event_id: "p1" }),
      anAnswer(1, { agent_uid: uid, epoch: 2 }, { proposal_event_id: "p1", proposal_seq: 9, ...open }),
    ].reduce((sofar, frame) => reduceMission(sofar, frame), emptyMission("m"));
    expect(decideMission(snapshot({ agents, fold: twice })).phase).toBe("Publishing");
    const stale = { proposal_event_id: "p0", proposal_seq: 3, state: "refused", reason: "StaleAttempt" };
    const after = reduceMission(twice, anAnswer(2, { agent_uid: uid, epoch: 1 }, stale));
    expect(decideMission(snapshot({ agents, fold: after })).phase).toBe("Complete");
  });

  // The first proposal waited for its forge while forty of the same event id were answered: it was pushed after the verification.
  it("completes no mission by a head that was verified before another proposal was pushed, whatever lies between", () => {
    const about = { agent_uid: uid, epoch: 1 };
    const [evil, good] = ["e".repeat(40), head];
    const junk = Array.from({ length: 40 }, (_, i) => [
      aFrame(2 + i, { event_type: "PROPOSAL", seq: 2 + i, event_id: "p" }),
      anAnswer(1 + i, about, { ...open, proposal_event_id: "p", proposal_seq: 2 + i, head: good }),
    ]).flat();
    const frames = [aFrame(1, { event_type: "PROPOSAL", seq: 1, event_id: "q" }), ...junk];
    const before = frames.reduce((sofar, frame) => reduceMission(sofar, frame), emptyMission("m"));
    const verifier = verifierPod(verifierStatus({ exitCode: 0 }));
    const at = (fold: typeof before) => decideMission(snapshot({ agents: done, fold, mission: verifying(), verifier }));
    expect(at(before)).toMatchObject({ phase: "Publishing", acts: [] });
    const third = aFrame(80, { event_type: "PROPOSAL", seq: 80, event_id: "p" });
    const pushed = { ...open, proposal_event_id: "p", proposal_seq: 80, head: evil };
    const answers = [
      anAnswer(41, about, { proposal_event_id: "q", proposal_seq: 1, state: "refused", reason: "Superseded" }),
      third,
      anAnswer(42, about, pushed),
    ];
    const after = answers.reduce((sofar, frame) => reduceMission(sofar, frame), before);
    expect(at(after)).toMatchObject({ phase: "Verifying", acts: [{ kind: "createVerifier", commit: evil }] });
  });

  it("fails a mission whose agent proposes without end instead of forgetting what may still be pushed", () => {
    const frames = Array.from({ length: 21 }, (_, i) => aFrame(i, { event_type: "PROPOSAL", seq: i + 1 }));
    const flooded = frames.reduce((sofar, frame) => reduceMission(sofar, frame), emptyMission("m"));
    const agents = named(anAgent({ status: { ...doneStatus, ledger: { lastSeq: 21, ackedSeq: 21 } } }));
    const plan = decideMission(snapshot({ agents, fold: flooded }));
    expect(plan).toMatchObject({ phase: "Failed", reason: Reason.PublicationRefused });
    expect(plan.message).toContain("while 20 others");
  });

  it("verifies the head of a fork's branch by its pull request, and that of the repository's own by the branch", () => {
    const targetOf = (more: Record<string, unknown>) => {
      const answer = { ...open, ...more, proposal_event_id: "p", proposal_seq: 1 };
      const fold = [
        aFrame(1, { event_type: "PROPOSAL", seq: 1, event_id: "p" }),
        anAnswer(1, { agent_uid: uid, epoch: 1 }, answer),
        aFrame(9, { event_type: "ACTION", seq: 9 }),
      ].reduce((sofar, frame) => reduceMission(sofar, frame), emptyMission("m"));
      const { acts } = decideMission(snapshot({ agents: done, fold, mission: aMission({ spec: tested }) }));
      return acts[0];
    };
    const own = { kind: "createVerifier", attempt: 1, ref: open.branch, commit: head };
    expect(targetOf({})).toEqual(own);
    const fork = "https://forge.example.org/robot/calculator.git";
    expect(targetOf({ fork, number: 7 })).toEqual({ ...own, pull: 7 });
  });

  it("says that somebody else pushed to the branch before it was verified", () => {
    const pushed = "e".repeat(40);
    const planOf = (branchHead: string) => {
      const status = verifierStatus({ exitCode: 0 });
      const [fetch] = status.initContainerStatuses!;
      const message = JSON.stringify({ commit: head, head: branchHead });
      const told = { ...fetch!, state: { terminated: { ...fetch!.state!.terminated!, message } } };
      const verifier = verifierPod({ ...status, initContainerStatuses: [told] });
      return decideMission(snapshot({ ...published, mission: verifying(), verifier }));
    };
    expect(planOf(head).message).not.toContain("Somebody");
    expect(planOf(pushed)).toMatchObject({ phase: "Complete" });
    expect(planOf(pushed).message).toMatch(/Somebody else pushed to swarm\/.*: it held eeeeeeeeeeee when 222222222222/);
  });

  it("says of a mission that is over what was published afterwards, again and again the same", () => {
    const of = (headSHA: string) => {
      const pullRequests = [{ url: open.url, state: "open", seenTime: "2026-11-23T10:00:00Z", headSHA }];
      const outcome = { reason: "CriteriaMet", message: "All 1 success criteria hold." };
      const conditions = [condition("Complete", "CriteriaMet")];
      return verifying(1, { conditions, pullRequests, outcome });
    };
    expect(decideMission(snapshot({ mission: of(head) })).message).toBe("All 1 success criteria hold.");
    const late = snapshot({ mission: of("e".repeat(40)) });
    const plan = decideMission(late);
    expect(plan.message).toBe(`All 1 success criteria hold. Not verified: ${open.url} at eeeeeeeeeeee.`);
    const status = computeMissionStatus(late, plan);
    expect(decideMission({ ...late, mission: { ...late.mission, status } }).message).toBe(plan.message);
  });

  it("says which of several agents' branches the criteria were not run on", () => {
    const agents = ["coder", "second"].map((name) =>
      anAgent({ metadata: { name: `fix-bug-${name}`, uid: stableId("agent", name) }, status: doneStatus }),
    );
    const frames = agents.flatMap(({ metadata: { uid: agent_uid, name } }, n) => [
      aFrame(1, { event_type: "PROPOSAL", agent_uid, seq: 9 }),
      anAnswer(
        n + 1,
        { agent_uid, epoch: 1 },
        { ...open, proposal_seq: 9, branch: name, head: n === 1 ? head : "c0ffee" },
      ),
    ]);
    const fold = frames.reduce((sofar, frame) => reduceMission(sofar, frame), emptyMission("m"));
    const team = new Map(agents.map((agent) => [agent.metadata.name, agent]));
    const verifier = verifierPod(verifierStatus({ exitCode: 0 }));
    const plan = decideMission(snapshot({ agents: team, fold, mission: verifying(), verifier }));
    expect(plan).toMatchObject({ phase: "Complete", reason: Reason.CriteriaMet });
    expect(plan.message).toMatch(/ Not verified: fix-bug-coder at c0ffee\.$/);
  });

  it("waits for no proposal whose pull request is open, however many agents there are and however much they propose", () => {
    const agents = ["coder", "second", "third"].map((name) =>
      anAgent({ metadata: { name: `fix-bug-${name}`, uid: stableId("agent", name) }, status: doneStatus }),
    );
    const answered = agents.flatMap(({ metadata: { uid: agent_uid } }, n) =>
      Array.from({ length: 9 }, (_, i) => `${agent_uid}-${i}`).flatMap((event_id, i) => [
        aFrame(1, { event_type: "PROPOSAL", agent_uid, seq: i + 1, event_id }),
        anAnswer(9 * n + i + 1, { agent_uid, epoch: 1 }, { ...open, proposal_event_id: event_id, proposal_seq: i + 1 }),
      ]),
    );
    const all = answered.reduce((sofar, frame) => reduceMission(sofar, frame), emptyMission("m"));
    const plan = decideMission(
      snapshot({ agents: new Map(agents.map((agent) => [agent.metadata.name, agent])), fold: all }),
    );
    expect(plan).toMatchObject({ phase: "Complete", reason: Reason.Published });
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
      ).phase;
    expect(at("2026-11-23T09:59:45Z")).toBe("Publishing");
    expect(at("2026-11-23T09:59:29Z")).toBe("Complete");
  });

  it("ends a mission that wrote more frames than its budget, and stops its agent; one that is done is left to its end", () => {
    const mission = aMission({ spec: { budget: { maxFrames: 100 } } });
    const at = (frames: number) => ({ ...emptyMission("m"), usage: { ...emptyMission("m").usage, frames } });
    const working = named(anAgent());
    expect(decideMission(snapshot({ mission, agents: working, fold: at(100) }))).toMatchObject({ phase: "Running" });
    const over = decideMission(snapshot({ mission, agents: working, fold: at(101) }));
    expect(over).toMatchObject({
      phase: "Failed",
      reason: Reason.BudgetExceeded,
      acts: [{ kind: "suspendAgent", suspend: true }],
    });
    expect(over.message).toMatch(
      /^It has written 101 frames, and spec.budget.maxFrames allows 100\. This mission is over/,
    );
    expect(decideMission(snapshot({ mission, agents: done, fold: at(101) })).phase).not.toBe("Failed");
    expect(decideMission(snapshot({ agents: working, fold: at(1_000_000) }))).toMatchObject({ phase: "Running" });
  });

  it("counts tokens both ways, and what the status knows where the record is still being read", () => {
    const mission = (inputTokens: number) =>
      aMission({
        spec: { budget: { maxTokens: 100 } },
        status: { usage: { inputTokens, outputTokens: 40, frames: 3 } },
      });
    const of = (inputTokens: number) =>
      decideMission(snapshot({ mission: mission(inputTokens), agents: named(anAgent()) }));
    expect(of(60)).toMatchObject({ phase: "Running" });
    expect(of(61)).toMatchObject({ phase: "Failed", reason: Reason.BudgetExceeded });
    expect(of(61).message).toContain("Its models took 101 tokens, and spec.budget.maxTokens allows 100.");
  });

  it("ends a mission that cost more than it may, and admits one whose Model has prices", () => {
    const of = (costUSD: string) =>
      decideMission(
        snapshot({
          mission: aMission({ spec: { budget: { maxCostUSD: "2.5" } }, status: { usage: { frames: 1, costUSD } } }),
          agents: named(anAgent()),
          models: new Map([["scripted", priced]]),
        }),
      );
    expect(of("2.50")).toMatchObject({ phase: "Running" });
    expect(of("2.500000001")).toMatchObject({ phase: "Failed", reason: Reason.BudgetExceeded });
    const mission = aMission({ spec: { budget: { maxCostUSD: "2.5" } } });
    expect(decideMission(snapshot({ mission, models: new Map([["scripted", priced]]) }))).toMatchObject({
      phase: "Running",
    });
  });

  it("pauses a mission at work whose bound of money bounds nothing, until its Model has prices", () => {
    const mission = aMission({ spec: { budget: { maxCostUSD: "2.5" } } });
    const of = (agent = anAgent(), models?: ReadonlyMap<string, typeof priced>) =>
      snapshot({ mission, agents: named(agent), ...(models === undefined ? {} : { models }) });
    const reason = Reason.ModelNotPriced;
    const plan = decideMission(of());
    const acts = [{ kind: "suspendAgent", suspend: true }];
    expect(plan).toMatchObject({ phase: "Draining", reason, stalled: true, pauses: true, acts });
    expect(plan.message).toContain('Model "scripted" has none: add spec.pricing to it');
    expect(computeMissionStatus(of(), plan).conditions).toContainEqual(
      expect.objectContaining({ type: "ResolvedRefs", status: "False", reason }),
    );
    const drained = anAgent({ spec: { suspend: true }, status: { conditions: [condition("Suspended", reason)] } });
    expect(decideMission(of(drained))).toMatchObject({ phase: "Suspended", reason, acts: [] });
    expect(decideMission(of(drained, new Map([["scripted", priced]])))).toMatchObject({
      phase: "Running",
      acts: [{ kind: "suspendAgent", suspend: false }],
    });
    // One that is gone is asked nothing.
    expect(decideMission(of(anAgent(), new Map()))).toMatchObject({ phase: "Running" });
  });

  it("pauses a mission over its budget where that is asked for, and goes on once it is raised", () => {
    const status = { usage: { frames: 11 } };
    const of = (maxFrames: number, agent = anAgent()) => {
      const mission = aMission({ spec: { budget: { maxFrames, onExceeded: "Pause" } }, status });
      return decideMission(snapshot({ mission, agents: named(agent) }));
    };
    const reason = Reason.BudgetExceeded;
    const over = of(10);
    expect(over).toMatchObject({
      phase: "Draining",
      reason,
      stalled: true,
      acts: [{ kind: "suspendAgent", suspend: true }],
    });
    expect(over.ending).toBeUndefined();
    expect(over.message).toContain("Raise it, and the mission goes on");
    const drained = anAgent({ spec: { suspend: true }, status: { conditions: [condition("Suspended", reason)] } });
    expect(of(10, drained)).toMatchObject({ phase: "Suspended", reason, stalled: true, acts: [] });
    expect(of(11, drained)).toMatchObject({ acts: [{ kind: "suspendAgent", suspend: false }] });
  });

  it("ends a mission whose agents were at work for as long as its deadline, over every pause", () => {
    const of = (status: { activeSeconds?: number; activeSince?: string }, agents = named(anAgent())) =>
      decideMission(snapshot({ mission: aMission({ spec: { deadline: "1h30m" }, status }), agents }));
    // It is 10:00.
    const early = { activeSeconds: 1_800, activeSince: "2026-11-23T09:00:01Z" };
    expect(of(early)).toMatchObject({ phase: "Running", outcome: { recheckMs: 1_000 } });
    const late = of({ ...early, activeSince: "2026-11-23T09:00:00Z" });
    expect(late).toMatchObject({
      phase: "Failed",
      reason: Reason.DeadlineExceeded,
      acts: [{ kind: "suspendAgent", suspend: true }],
    });
    expect(late.message).toContain("for as long as spec.deadline allows, 1h30m.");
    expect(of({ activeSeconds: 5_400 })).toMatchObject({ phase: "Failed" });
    expect(of({ activeSeconds: 5_400 }, done).reason).not.toBe(Reason.DeadlineExceeded);
    expect(of({})).toMatchObject({ phase: "Running", outcome: { recheckMs: 300_000 } });
  });
});
