import { describe, expect, it, jest } from "@jest/globals";
import { systemClock, type Clock } from "#nervous-system/kernel/clock.ts";
import { isControlledBy } from "#nervous-system/kubernetes/resource-kind.ts";
import { interventions, missions, type Intervention } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { findCondition, isFinished } from "#nervous-system/schemas/conditions.ts";
import { groupVersion } from "#nervous-system/schemas/resources/define-resource.ts";
import type { InterventionKind, InterventionSpec } from "#nervous-system/schemas/resources/intervention.ts";
import type { MissionSpecInput } from "#nervous-system/schemas/resources/mission.ts";
import type { PendingApproval } from "#nervous-system/schemas/approvals.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";
import { endedStatus, runningStatus } from "#test/builders/pod-status.ts";
import { eventually, freshNamespace } from "#test/integration/kubernetes/control-plane.ts";
import { wholeLife } from "#test/integration/operator/kubelet.ts";
import { missionStage } from "#test/integration/operator/mission-stage.ts";
import { dropLease } from "#test/integration/operator/world.ts";
import { readFrames } from "#test/integration/pipeline/bus-harness.ts";
import { chainBuilder } from "#test/integration/pipeline/chain-builder.ts";

jest.setTimeout(120_000);

/** The time as it will be at `atMs` now. */
const systemClockAt = (atMs: number): Clock => {
  const clock = systemClock();
  const aheadMs = atMs - clock.now();
  return { ...clock, now: () => clock.now() + aheadMs };
};

const stage = missionStage();
const { agent, eventsOf, mission, missionIs, modelIsReady, operate, submit } = stage;

const find = (name: string, namespace = stage.namespace) => stage.world.admin.find(interventions, { namespace, name });

const create = (
  name: string,
  spec: Pick<InterventionSpec, "kind"> & Partial<InterventionSpec>,
  namespace = stage.namespace,
): Promise<Intervention> =>
  stage.world.admin.create(interventions, {
    apiVersion: groupVersion,
    kind: "Intervention",
    metadata: { namespace, name },
    spec: { missionRef: { name: "fix-bug" }, requestedBy: "ann", ...spec },
  });

/** Asks for an act under its own name. */
const ask = (kind: InterventionKind, name: string, text?: string, namespace?: string): Promise<Intervention> =>
  create(name, { kind, ...(text === undefined ? {} : { text }) }, namespace);

const becomes = (name: string, phase: string): Promise<void> =>
  eventually(`${name} is ${phase}`, async () => (await find(name))?.status?.phase === phase);

const recorded = (name: string): Promise<void> =>
  eventually(`${name} is recorded`, async () => (await find(name))?.status?.appliedSeq !== undefined);

const runs = (): Promise<void> =>
  eventually("the agent runs", async () => (await agent())?.status?.phase === "Running");

/** What the record tells of people's acts on the mission, with the places. */
const told = async (): Promise<Array<{ kind: string; by: string; place: number }>> => {
  const { uid } = (await mission())!.metadata;
  const frames = await readFrames(stage.world.bus);
  return frames
    .filter(({ envelope }) => envelope.mission_uid === uid && envelope.event_type === "INTERVENTION")
    .map(({ bytes, place }) => {
      const { payload } = JSON.parse(bytes.toString()) as { payload: { kind: string; by: string } };
      return { kind: payload.kind, by: payload.by, place };
    });
};

describe("a mission at work", () => {
  it("is paused by a person, stays so without its spec saying it, and goes on when it is resumed", async () => {
    stage.kubelet.script(/-1$/, runningStatus());
    stage.kubelet.script(/-2$/, ...wholeLife());
    operate();
    await modelIsReady();
    await submit();
    await runs();
    await ask("Pause", "stop-it", "Too dear today.");
    await missionIs("Suspended");
    await recorded("stop-it");
    const paused = (await mission())!;
    expect(paused.spec.suspend).toBe(false);
    expect(findCondition(paused.status?.conditions, "Suspended")).toMatchObject({
      reason: "Paused",
      message: "Paused by ann: Too dear today. (until it is resumed).",
    });
    expect(findCondition(paused.status?.conditions, "Stalled")).toBeUndefined();
    expect(paused.status?.activeSince).toBeUndefined();
    await eventually("the agent says why", async () => {
      const why = findCondition((await agent())?.status?.conditions, "Suspended");
      return why?.reason === "Paused" && why.message === "Its mission is paused by ann: Too dear today.";
    });
    expect(isControlledBy((await find("stop-it"))!, paused)).toBe(true);

    await ask("Pause", "again");
    await becomes("again", "Superseded");
    expect((await find("again"))?.status?.message).toMatch(/^The mission is paused already, since .* by ann: Too dear/);

    await ask("Resume", "go-on");
    await missionIs("Complete");
    await recorded("go-on");
    expect(stage.kubelet.seen()).toEqual(["fix-bug-coder-1", "fix-bug-coder-2"]);
    expect((await agent())?.status).toMatchObject({ failures: 0, disruptions: 0 });

    await ask("Cancel", "too-late");
    await becomes("too-late", "Denied");
    expect((await find("too-late"))?.status?.conditions).toEqual(
      expect.arrayContaining([expect.objectContaining({ type: "Failed", reason: "MissionFinished" })]),
    );
    const places = await Promise.all(["stop-it", "go-on"].map(async (name) => (await find(name))?.status?.appliedSeq));
    expect(await told()).toEqual([
      { kind: "Pause", by: "ann", place: places[0] },
      { kind: "Resume", by: "ann", place: places[1] },
    ]);
    await stage.stopOperators();
    expect(await eventsOf("Mission")).toEqual(["Admitted", "Paused", "Suspended", "Resumed", "AgentsFinished"]);
  });

  it("is cancelled: it fails by that reason, its pod is stopped and none is made again", async () => {
    stage.kubelet.script(/-1$/, runningStatus());
    operate();
    await submit();
    await runs();
    await ask("Cancel", "enough", "Wrong goal.");
    await missionIs("Failed");
    expect((await mission())?.status).toMatchObject({
      phase: "Failed",
      outcome: { reason: "Cancelled", message: "Cancelled by ann: Wrong goal." },
    });
    await eventually("its agent is stopped for good, and says why", async () => {
      const why = findCondition((await agent())?.status?.conditions, "Suspended");
      return why?.reason === "Cancelled" && why.message.includes("Wrong goal.");
    });
    await recorded("enough");
    expect(stage.kubelet.seen()).toEqual(["fix-bug-coder-1"]);
    expect(await told()).toMatchObject([{ kind: "Cancel", by: "ann" }]);
  });
});

describe("a message", () => {
  it("is applied by its frame, changes nothing of the mission, and needs a text", async () => {
    stage.kubelet.script(/-1$/, runningStatus());
    operate();
    await submit();
    await runs();
    await expect(ask("Message", "empty")).rejects.toThrow("a Message has a text");
    await ask("Message", "hint", "Look at the limiter.");
    await becomes("hint", "Applied");
    expect(await told()).toEqual([{ kind: "Message", by: "ann", place: (await find("hint"))?.status?.appliedSeq }]);
    expect((await mission())?.status?.lastIntervention).toBeUndefined();
    await ask("Pause", "then");
    await becomes("then", "Applied");
  });
});

describe("a mission that asks before it publishes", () => {
  const approvals = { require: ["PullRequest" as const], timeout: "8h", onTimeout: "Reject" as const };
  const why = async (name: string): Promise<string | undefined> =>
    findCondition((await find(name))?.status?.conditions, "Failed")?.reason;

  /** Lets the coder work, propose and end; answers what the mission asks then. */
  const proposed = async (spec: Partial<MissionSpecInput> = { approvals }): Promise<PendingApproval> => {
    const { metadata } = await submit(spec);
    await stage.kubelet.pod("fix-bug-coder-1");
    await stage.kubelet.report("fix-bug-coder-1", runningStatus());
    await eventually("the agent is bound to its pod", async () => (await agent())?.status?.podUID !== undefined);
    const of = { mission_uid: metadata.uid, mission: "fix-bug", namespace: stage.namespace };
    const own = chainBuilder({ ...of, agent_uid: (await agent())!.metadata.uid });
    const payload = { title: "Fix it", head: "9".repeat(40), files: [{ path: "a.js", change: "modified" }] };
    await stage.world.bus.publisher.publish([own.next(), own.next({ event_type: "PROPOSAL", payload })]);
    await stage.kubelet.report("fix-bug-coder-1", endedStatus({ scribe: { lastSeq: 2, ackedSeq: 2 } }));
    await missionIs("AwaitingHuman");
    const [pending] = (await mission())?.status?.pendingApprovals ?? [];
    return pending!;
  };
  const published = async (): Promise<void> => {
    const [{ metadata }, { metadata: coder }] = [(await mission())!, (await agent())!];
    const publisher = chainBuilder({
      mission_uid: metadata.uid,
      mission: "fix-bug",
      namespace: stage.namespace,
      agent_uid: stableId("publisher", stage.namespace),
      producer: "supervisor",
      recorder: "supervisor",
      about: { agent_uid: coder.uid, epoch: 1 },
    });
    const payload = {
      proposal_event_id: "p",
      proposal_seq: 2,
      state: "open",
      url: "https://forge.example.org/pulls/1",
    };
    await stage.world.bus.publisher.publish([publisher.next({ event_type: "PUBLICATION", payload })]);
  };

  it("waits, without a pod, for exactly that to be approved, once", async () => {
    operate();
    await modelIsReady();
    const { requestID, argsDigest, summary } = await proposed();
    expect(summary).toBe(
      'Agent "fix-bug-coder" asks to open a pull request into main: "Fix it" (999999999999, 1 file).',
    );
    expect((await mission())?.status).toMatchObject({ phase: "AwaitingHuman", succeededAgents: 1, activeAgents: 0 });
    expect((await mission())?.status?.activeSince).toBeUndefined();
    expect(findCondition((await mission())?.status?.conditions, "Ready")).toMatchObject({
      status: "False",
      reason: "ApprovalRequired",
      message: expect.stringContaining("enchanted approve fix-bug"),
    });

    const request = { requestID, argsDigest };
    await expect(create("bare", { kind: "Approve" })).rejects.toThrow("names requestID and argsDigest");
    await expect(create("other", { kind: "Pause", ...request })).rejects.toThrow("names requestID and argsDigest");
    await expect(stage.patchMission({ spec: { approvals: { ...approvals, onTimeout: "Suspend" } } })).rejects.toThrow(
      "approvals is immutable",
    );
    await expect(stage.patchMission({ spec: { approvals: null } })).rejects.toThrow("approvals is immutable");
    await create("a-stranger", { kind: "Approve", ...request, requestID: "x" });
    await create("b-other", { kind: "Approve", ...request, argsDigest: `sha256:${"0".repeat(64)}` });
    await becomes("b-other", "Denied");
    expect([await why("a-stranger"), await why("b-other")]).toEqual(["RequestNotFound", "OtherArguments"]);
    expect((await mission())?.status?.decidedApprovals).toBeUndefined();

    await stage.stopOperators();
    await dropLease(stage.world.admin);
    operate();
    await create("c-approve", { kind: "Approve", ...request, text: "Seen." });
    await recorded("c-approve");
    await create("d-again", { kind: "Approve", ...request });
    await becomes("d-again", "Superseded");
    await create("e-reject", { kind: "Reject", ...request });
    await becomes("e-reject", "Denied");
    expect(await why("e-reject")).toBe("RequestDecided");
    const { status } = (await mission())!;
    expect(status).toMatchObject({
      phase: "Publishing",
      decidedApprovals: [{ ...request, decision: "Approved", by: "ann" }],
    });
    expect(status?.pendingApprovals).toBeUndefined();
    await published();
    await missionIs("Complete");
    const frames = (await readFrames(stage.world.bus)).filter(({ envelope }) => envelope.event_type === "INTERVENTION");
    const said = frames.map(({ bytes }) => (JSON.parse(bytes.toString()) as { payload: object }).payload);
    expect(said).toContainEqual({
      kind: "Approve",
      by: "ann",
      request_id: requestID,
      args_digest: argsDigest,
      text: "Seen.",
    });
    expect((await told()).map(({ kind }) => kind)).toEqual(["Approve"]);
    expect(stage.kubelet.seen()).toEqual(["fix-bug-coder-1"]);
    await stage.stopOperators();
    expect(await eventsOf("Mission")).toEqual(["Admitted", "ApprovalRequired", "Approved", "Published", "Published"]);
  });

  it("fails by a rejection, and stays so whatever comes after it", async () => {
    operate();
    const { requestID, argsDigest } = await proposed();
    await create("no", { kind: "Reject", requestID, argsDigest, text: "No tests." });
    await recorded("no");
    await missionIs("Failed");
    expect((await mission())?.status?.outcome).toMatchObject({
      reason: "Rejected",
      message: "Rejected by ann: No tests.",
    });
    expect(await told()).toMatchObject([{ kind: "Reject", by: "ann" }]);
    await create("late", { kind: "Approve", requestID, argsDigest });
    await becomes("late", "Denied");
    expect(await why("late")).toBe("MissionFinished");
  });

  it("gives up when its time is over, though its operator was away", async () => {
    operate();
    const { since } = await proposed();
    await stage.stopOperators();
    await dropLease(stage.world.admin);
    operate({ clock: systemClockAt(Date.parse(since) + 8 * 3_600_000 - 60_000) });
    await stage.patchMission({ metadata: { annotations: { "swarm.enchanted.dev/requestedAt": "a minute before" } } });
    await eventually(
      "the next one has looked",
      async () => (await mission())?.status?.lastHandledReconcileAt === "a minute before",
    );
    expect((await mission())?.status).toMatchObject({ phase: "AwaitingHuman", pendingApprovals: [{ since }] });
    await stage.stopOperators();
    await dropLease(stage.world.admin);
    operate({ clock: systemClockAt(Date.parse(since) + 8 * 3_600_000) });
    await missionIs("Failed");
    expect((await mission())?.status?.outcome?.reason).toBe("ApprovalTimedOut");
  });
});

describe("an act", () => {
  it("is done once, whatever operators die at", async () => {
    stage.kubelet.script(/-1$/, runningStatus());
    stage.kubelet.script(/-2$/, ...wholeLife());
    operate();
    await submit();
    await runs();
    await stage.stopOperators();
    await dropLease(stage.world.admin);
    await ask("Pause", "a-pause");
    await ask("Resume", "b-resume");
    const settled = async (): Promise<boolean> =>
      isFinished((await mission())?.status?.conditions) &&
      (await find("a-pause"))?.status?.appliedSeq !== undefined &&
      (await find("b-resume"))?.status?.appliedSeq !== undefined;
    let lives = 0;
    while (!(await settled())) {
      expect((lives += 1)).toBeLessThan(40);
      const dead = Promise.withResolvers<void>();
      let isDead = false;
      const operator = operate({
        beforeWrite: () => {
          if (isDead) throw new Error("dead");
        },
        afterWrite: ({ kind }) => {
          if (kind === "Model") return;
          isDead = true;
          dead.resolve();
          throw new Error("the answer got lost");
        },
      });
      await Promise.race([dead.promise, eventually("all is settled", settled)]);
      await operator.stop();
      await dropLease(stage.world.admin);
    }
    process.stdout.write(`operators that died on the way: ${lives}\n`);
    expect((await told()).map(({ kind }) => kind)).toEqual(["Pause", "Resume"]);
    expect((await mission())?.status?.phase).toBe("Complete");
    expect(stage.kubelet.seen()).toEqual(["fix-bug-coder-1", "fix-bug-coder-2"]);
  });

  it("on a mission of another namespace, or where nobody works, changes nothing", async () => {
    stage.kubelet.script(/-1$/, runningStatus());
    const [other, elsewhere] = [await stage.world.newTenant(), await freshNamespace(stage.world.admin)];
    operate({ tenants: [stage.namespace, other] });
    await submit();
    await runs();
    await ask("Cancel", "from-afar", undefined, other);
    await ask("Cancel", "nowhere", undefined, elsewhere);
    await eventually("it waits for a mission of its own namespace", async () => {
      const why = findCondition((await find("from-afar", other))?.status?.conditions, "Reconciling");
      return why?.reason === "MissionNotFound" && why.message.includes(`in namespace "${other}"`);
    });
    await eventually("it is told that nobody works there", async () => {
      const why = findCondition((await find("nowhere", elsewhere))?.status?.conditions, "Failed");
      return why?.reason === "NotTenant";
    });
    expect((await mission())?.status).toMatchObject({ phase: "Running" });
  });

  it("is not made of a mission of the same name that comes later, and cannot be changed", async () => {
    const early = await ask("Cancel", "early");
    const late = Date.parse(early.metadata.creationTimestamp) + 61_000;
    const clock = systemClockAt(late);
    operate({ clock });
    await becomes("early", "Expired");
    stage.kubelet.script(/-1$/, runningStatus());
    await submit();
    await runs();
    const { uid, resourceVersion } = (await find("early"))!.metadata;
    const target = { namespace: stage.namespace, name: "early", uid, resourceVersion };
    await expect(stage.world.admin.patch(interventions, target, { spec: { kind: "Pause" } })).rejects.toThrow(
      /immutable; create a new object/,
    );
    expect((await mission())?.status?.lastIntervention).toBeUndefined();
  });

  it("goes with its mission", async () => {
    stage.kubelet.script(/-1$/, runningStatus());
    operate();
    const { metadata } = await submit();
    await ask("Pause", "gone");
    await recorded("gone");
    await stage.world.admin.delete(missions, { ...metadata });
    await eventually("the act is gone", async () => (await find("gone")) === undefined);
  });
});
