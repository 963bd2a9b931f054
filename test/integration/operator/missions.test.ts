import { describe, expect, it, jest } from "@jest/globals";
import { zeroHash } from "#nervous-system/schemas/chain.ts";
import { pods, type Pod } from "#nervous-system/kubernetes/kinds.ts";
import { agents, missions } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { findCondition, isTrue } from "#nervous-system/schemas/conditions.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";
import type { CheckQuestion } from "#operator/gateway/check.ts";
import {
  disruptedStatus,
  endedStatus,
  fetchFailedStatus,
  runningStatus,
  someCommit,
  someHash,
  verifierStatus,
  waitingStatus,
} from "#test/builders/pod-status.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { wholeLife } from "#test/integration/operator/kubelet.ts";
import { missionStage } from "#test/integration/operator/mission-stage.ts";
import { runOperator } from "#test/integration/operator/run-operator.ts";
import { dropLease } from "#test/integration/operator/world.ts";
import { chainBuilder } from "#test/integration/pipeline/chain-builder.ts";

jest.setTimeout(120_000);

const stage = missionStage();
const { agent, eventsOf, mission, missionIs, modelIsReady, operate, patchMission, submit } = stage;

const envOf = (pod: Pod, container: string): Record<string, string | undefined> =>
  Object.fromEntries(
    [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])]
      .find(({ name }) => name === container)
      ?.env?.map(({ name, value }) => [name, value]) ?? [],
  );

describe("a mission", () => {
  it("tells who scrapes it whether it leads, how it follows the API server and what that answers", async () => {
    const operator = operate();
    await modelIsReady();
    const metrics = await operator.scrape();
    expect(metrics).toContain('leader_election_master_status{name="enchanted-operator"} 1');
    for (const resource of ["missions", "agents", "models", "pods", "services"]) {
      expect(metrics).toMatch(new RegExp(`enchanted_informer_silence_seconds\\{resource="${resource}[^"]*"\\} [0-9]`));
      expect(metrics).toMatch(
        new RegExp(`enchanted_informer_steps_total\\{resource="${resource}[^"]*",end="listed"\\} 1`),
      );
    }
    // The Model is ready to whoever watches it before the operator has read its own answer.
    await eventually("the answer to a write is counted", async () =>
      /rest_client_requests_total\{method="PATCH",code="200"[^}]*\} [1-9]/.test(await operator.scrape()),
    );
  });

  it("becomes an Agent, a pod, and Complete, in at most ten writes", async () => {
    stage.kubelet.script(/^fix-bug-coder-/, ...wholeLife());
    const operator = operate();
    await modelIsReady();
    await submit();
    await missionIs("Complete");
    const done = await mission();
    expect(done?.status).toMatchObject({
      phase: "Complete",
      agentsSummary: "1/1",
      outcome: { reason: "AgentsFinished" },
    });
    expect((await agent())?.status).toMatchObject({ phase: "Succeeded", attempt: 1, baseCommit: someCommit });
    await eventually("the pod is released", async () => {
      const pod = await stage.world.admin.find(pods, { namespace: stage.namespace, name: "fix-bug-coder-1" });
      return pod !== undefined && (pod.metadata.finalizers ?? []).length === 0;
    });
    const counted = operator.writes.filter(({ kind }) => kind !== "Model");
    process.stdout.write(
      `API writes per one-agent mission: ${counted.length} (${counted.map(({ verb, kind }) => `${verb} ${kind}`).join(", ")})\n`,
    );
    expect(counted.length).toBeLessThanOrEqual(10);
    await operator.stop();
    expect(await eventsOf("Mission")).toEqual(["Admitted", "AgentsFinished"]);
    expect(await eventsOf("Agent")).toEqual(["AttemptStarted", "Succeeded"]);
  });

  it("whose Secret is taken back makes no further attempt, says so, and goes on once it is given back", async () => {
    const refused = { ok: false, reason: "SecretNotAllowed", message: "label it" };
    let isAllowed = true;
    const asked: CheckQuestion[] = [];
    operate({
      check: (question) => {
        asked.push(question);
        const ok = { ok: true, reason: "Resolved", message: "" };
        return Promise.resolve({ kind: "answered", ...(question.kind === "Model" || isAllowed ? ok : refused) });
      },
    });
    await modelIsReady();
    const repo = "https://forge.example.org/team/calculator.git";
    await submit({ workspace: { repo, secretRef: { name: "forge" } } });
    await stage.kubelet.pod("fix-bug-coder-1");
    await stage.kubelet.report("fix-bug-coder-1", runningStatus());
    await eventually("the agent is bound to its pod", async () => (await agent())?.status?.podUID !== undefined);
    isAllowed = false;
    await stage.kubelet.report("fix-bug-coder-1", endedStatus({ exitCode: 1 }));
    const told = async () => findCondition((await mission())?.status?.conditions, "Stalled");
    await eventually("the mission says so", async () => (await told())?.reason === "SecretNotAllowed");
    expect(asked.filter(({ kind }) => kind !== "Model")).toContainEqual({
      kind: "GitSecret",
      namespace: stage.namespace,
      name: "forge",
      repo,
    });
    const second = { namespace: stage.namespace, name: "fix-bug-coder-2" };
    expect(await stage.world.admin.find(pods, second)).toBeUndefined();
    isAllowed = true;
    const requestedAt = { metadata: { annotations: { "swarm.enchanted.dev/requestedAt": "now" } } };
    // The operator may be writing beside it.
    await eventually("another attempt is asked for", async () => {
      const { name, namespace, uid, resourceVersion } = (await agent())!.metadata;
      const asking = stage.world.admin.patch(agents, { name, namespace, uid, resourceVersion }, requestedAt);
      return asking.then(
        () => true,
        () => false,
      );
    });
    await stage.kubelet.pod("fix-bug-coder-2");
  });

  it("publishes, verifies on the published head, and tells it", async () => {
    stage.kubelet.script(/-verify-/, verifierStatus({ exitCode: 0 }));
    operate();
    await modelIsReady();
    const { metadata } = await submit({ successCriteria: [{ command: "npm test" }] });
    await stage.kubelet.pod("fix-bug-coder-1");
    await stage.kubelet.report("fix-bug-coder-1", runningStatus());
    await eventually("the agent is bound to its pod", async () => (await agent())?.status?.podUID !== undefined);
    const { uid } = (await agent())!.metadata;
    const of = { mission_uid: metadata.uid, mission: "fix-bug", namespace: stage.namespace };
    const own = chainBuilder({ ...of, agent_uid: uid });
    const proposal = {
      event_type: "PROPOSAL",
      event_id: `p-${uid}`,
      payload: { title: "Fix it", head: "9".repeat(40) },
    };
    await stage.world.bus.publisher.publish([own.next(), own.next(proposal)]);
    await stage.kubelet.report("fix-bug-coder-1", endedStatus({ scribe: { lastSeq: 2, ackedSeq: 2 } }));
    await eventually(
      "the mission waits for its pull request",
      async () => (await mission())?.status?.phase === "Publishing",
    );
    const publisher = chainBuilder({
      ...of,
      agent_uid: stableId("publisher", stage.namespace),
      producer: "supervisor",
      recorder: "supervisor",
      about: { agent_uid: uid, epoch: 1 },
    });
    const head = "7".repeat(40);
    const payload = {
      proposal_event_id: `p-${uid}`,
      proposal_seq: 2,
      state: "open",
      url: "https://forge.example.org/pulls/1",
      number: 1,
      branch: "swarm/fix-bug/fix-bug-coder",
      head,
    };
    await stage.world.bus.publisher.publish([publisher.next({ event_type: "PUBLICATION", payload })]);
    await missionIs("Complete");
    const verifier = await stage.kubelet.pod("fix-bug-verify-1");
    expect(envOf(verifier, "fetch")).toMatchObject({ ENCHANTED_REF: payload.branch, ENCHANTED_BASE_COMMIT: head });
    expect((await mission())?.status).toMatchObject({
      outcome: { reason: "CriteriaMet" },
      pullRequests: [{ url: payload.url, state: "open", headSHA: head }],
      verification: { attempt: 1, podUID: verifier.metadata.uid, commit: head, exitCode: 0 },
      ledger: { lastSeq: expect.any(Number) },
    });
    await stage.stopOperators();
    expect(await eventsOf("Mission")).toEqual(["Admitted", "Published", "Verifying", "CriteriaMet"]);
  });

  it("fails by the criteria that failed, with the end of their output", async () => {
    stage.kubelet.script(/^fix-bug-coder-/, ...wholeLife());
    stage.kubelet.script(/-verify-1/, disruptedStatus("EvictionByEvictionAPI"));
    stage.kubelet.script(/-verify-2/, verifierStatus({ exitCode: 1, message: "1 failing" }));
    operate();
    await submit({ successCriteria: [{ command: "npm test" }] });
    await missionIs("Failed");
    expect((await mission())?.status).toMatchObject({
      outcome: { reason: "CriteriaFailed", evidence: "1 failing" },
      verification: { attempt: 2, exitCode: 1 },
    });
  });
});

describe("attempts", () => {
  it("start again from the base commit, on the chain that the last one left", async () => {
    stage.kubelet.script(/-1$/, ...wholeLife({ exitCode: 1, scribe: { lastSeq: 0, ackedSeq: 0 } }));
    stage.kubelet.script(/-2$/, ...wholeLife());
    operate();
    await submit();
    await missionIs("Complete");
    const second = await stage.kubelet.pod("fix-bug-coder-2");
    expect(envOf(second, "fetch")["ENCHANTED_BASE_COMMIT"]).toBe(someCommit);
    expect(envOf(second, "scribe")["ENCHANTED_RESUME_HASH"]).toBe(someHash);
    expect(envOf(await stage.kubelet.pod("fix-bug-coder-1"), "scribe")["ENCHANTED_RESUME_HASH"]).toBe(zeroHash);
    expect((await agent())?.status).toMatchObject({ failures: 1, disruptions: 0, attempt: 2 });
    expect(stage.kubelet.mostAtOnce()).toBe(1);
  });

  it("end the mission when all of them failed, but a disruption does not count", async () => {
    stage.kubelet.script(/-1$/, disruptedStatus("PreemptionByScheduler"));
    stage.kubelet.script(/-[23]$/, ...wholeLife({ exitCode: 1 }));
    operate();
    await submit({ retry: { maxAttempts: 2 } });
    await missionIs("Failed");
    expect((await agent())?.status).toMatchObject({ failures: 2, disruptions: 1, attempt: 3, phase: "Failed" });
    expect((await mission())?.status?.outcome?.reason).toBe("AttemptsExhausted");
  });

  it("survive a pod that was deleted from outside", async () => {
    stage.kubelet.script(/-1$/, runningStatus());
    stage.kubelet.script(/-2$/, ...wholeLife());
    operate();
    await submit();
    await eventually("the agent runs", async () => (await agent())?.status?.phase === "Running");
    const pod = await stage.kubelet.pod("fix-bug-coder-1");
    await stage.world.admin.delete(pods, {
      namespace: stage.namespace,
      name: pod.metadata.name,
      uid: pod.metadata.uid,
    });
    await missionIs("Complete");
    expect((await agent())?.status).toMatchObject({ disruptions: 1, failures: 0, attempt: 2 });
    expect(stage.kubelet.mostAtOnce()).toBe(1);
  });

  it("are not repeated for a repository that does not exist", async () => {
    stage.kubelet.script(/-1$/, fetchFailedStatus("RepositoryNotFound", "https://forge.example.org/x.git: not found"));
    operate();
    await submit();
    await missionIs("Failed");
    expect((await mission())?.status?.outcome).toMatchObject({
      reason: "RepositoryNotFound",
      message: expect.stringContaining("not found"),
    });
    expect(stage.kubelet.seen()).toEqual(["fix-bug-coder-1"]);
  });
});

describe("a budget of frames", () => {
  it("ends the mission that is over it and stops its pod, and both say why", async () => {
    stage.kubelet.script(/-1$/, runningStatus());
    operate();
    await modelIsReady();
    const { metadata } = await submit({ budget: { maxFrames: 20 } });
    await eventually("the agent runs", async () => (await agent())?.status?.phase === "Running");
    const { uid } = (await agent())!.metadata;
    const of = { mission_uid: metadata.uid, mission: "fix-bug", namespace: stage.namespace };
    await stage.world.bus.publisher.publish(chainBuilder({ ...of, agent_uid: uid }).take(21));
    await missionIs("Failed");
    expect((await mission())?.status?.outcome).toMatchObject({
      reason: "BudgetExceeded",
      message: expect.stringMatching(/^It has written 21 frames, and spec.budget.maxFrames allows 20\./),
    });
    await eventually("the agent's pod is stopped, and it says why", async () => {
      const told = findCondition((await agent())?.status?.conditions, "Suspended");
      return told?.reason === "BudgetExceeded" && told.message.includes("21 frames");
    });
    expect(stage.kubelet.seen()).toEqual(["fix-bug-coder-1"]);
  });
});

describe("a budget that pauses", () => {
  it("stops the pod, says what to do, and goes on with the next attempt once it is raised", async () => {
    stage.kubelet.script(/-1$/, runningStatus());
    stage.kubelet.script(/-2$/, ...wholeLife());
    operate();
    await modelIsReady();
    const { metadata } = await submit({ budget: { maxFrames: 20, onExceeded: "Pause" }, deadline: "1h" });
    await eventually("the agent runs", async () => (await agent())?.status?.phase === "Running");
    const { uid } = (await agent())!.metadata;
    const of = { mission_uid: metadata.uid, mission: "fix-bug", namespace: stage.namespace };
    await stage.world.bus.publisher.publish(chainBuilder({ ...of, agent_uid: uid }).take(21));
    await missionIs("Suspended");
    expect(findCondition((await mission())?.status?.conditions, "Stalled")).toMatchObject({
      reason: "BudgetExceeded",
      message: expect.stringContaining("Raise it, and the mission goes on"),
    });
    expect((await agent())?.status).toMatchObject({ phase: "Suspended", failures: 0, disruptions: 0 });
    expect((await mission())?.status?.activeSince).toBeUndefined();
    await patchMission({ spec: { budget: { maxFrames: 10_000 } } });
    await missionIs("Complete");
    expect(stage.kubelet.seen()).toEqual(["fix-bug-coder-1", "fix-bug-coder-2"]);
  });
});

describe("a deadline", () => {
  it("is kept by an agent that ended in time while no operator was there to read it", async () => {
    stage.kubelet.script(/-1$/, runningStatus());
    operate();
    await modelIsReady();
    await submit({ deadline: "1m" });
    await eventually("the agent runs", async () => (await agent())?.status?.phase === "Running");
    await stage.stopOperators();
    await dropLease(stage.world.admin);
    await stage.kubelet.report("fix-bug-coder-1", endedStatus({ scribe: { lastSeq: 0, ackedSeq: 0 } }));
    const { uid, resourceVersion, name, namespace } = (await mission())!.metadata;
    const twoMinutesAgo = `${new Date(Date.now() - 120_000).toISOString().slice(0, 19)}Z`;
    const of = { uid, resourceVersion, name, namespace: namespace ?? "" };
    await stage.world.admin.patchStatus(missions, of, { activeSince: twoMinutesAgo });
    operate();
    await missionIs("Complete");
    expect((await mission())?.status).toMatchObject({ phase: "Complete", activeSeconds: 0 });
  });
});

describe("suspend", () => {
  it("drains the pod, makes none, and goes on with the next attempt", async () => {
    stage.kubelet.script(/-1$/, runningStatus());
    stage.kubelet.script(/-2$/, ...wholeLife());
    operate();
    await submit();
    await eventually("the agent runs", async () => (await agent())?.status?.phase === "Running");
    await patchMission({ spec: { suspend: true } });
    await missionIs("Suspended");
    expect((await agent())?.status).toMatchObject({ phase: "Suspended", failures: 0, disruptions: 0 });
    expect(stage.kubelet.seen()).toEqual(["fix-bug-coder-1"]);
    await patchMission({ spec: { suspend: false } });
    await missionIs("Complete");
    expect(stage.kubelet.seen()).toEqual(["fix-bug-coder-1", "fix-bug-coder-2"]);
  });
});

describe("the hosts that agents may reach", () => {
  it("are stamped into the Agent, and an edit follows without another attempt", async () => {
    stage.kubelet.script(/-1$/, runningStatus());
    operate();
    await submit({ egress: { allowHosts: ["registry.example.org"] } });
    await eventually("the agent runs", async () => (await agent())?.status?.phase === "Running");
    const hosts = async () => (await agent())?.spec.egress?.allowHosts;
    expect(await hosts()).toEqual(["registry.example.org"]);
    const edited = ["registry.example.org", "*.mirror.example:8443"];
    await patchMission({ spec: { egress: { allowHosts: edited } } });
    await eventually("the agent has the edit", async () => (await hosts())?.join() === edited.join());
    await patchMission({ spec: { egress: null } });
    await eventually("the agent has none", async () => (await hosts())?.length === 0);
    expect(stage.kubelet.seen()).toEqual(["fix-bug-coder-1"]);
  });
});

describe("deleting a mission that runs", () => {
  it("leaves nothing, and no finalizer stuck", async () => {
    stage.kubelet.script(/-1$/, runningStatus());
    operate();
    await submit();
    await eventually("the agent runs", async () => (await agent())?.status?.phase === "Running");
    const { metadata } = (await mission())!;
    await stage.world.admin.delete(missions, { namespace: stage.namespace, name: "fix-bug", uid: metadata.uid });
    await eventually("nothing is left", async () => {
      const left = await Promise.all([
        stage.world.admin.list(missions, { namespace: stage.namespace }),
        stage.world.admin.list(agents, { namespace: stage.namespace }),
        stage.world.admin.list(pods, { namespace: stage.namespace }),
      ]);
      return left.every(({ items }) => items.length === 0);
    });
  });
});

describe("a status that flaps", () => {
  it("costs a bounded number of writes", async () => {
    const operator = operate();
    await submit();
    await stage.kubelet.pod("fix-bug-coder-1");
    await stage.kubelet.report("fix-bug-coder-1", waitingStatus("ErrImagePull", "no such host"));
    await eventually("the agent is bound to its pod", async () => (await agent())?.status?.podUID !== undefined);
    const before = operator.writes.length;
    for (let i = 0; i < 300; i += 1) {
      const status =
        i % 2 === 0 ? waitingStatus("PodInitializing", `turn ${i}`) : waitingStatus("ImagePullBackOff", `turn ${i}`);
      await stage.kubelet.report("fix-bug-coder-1", status);
    }
    const written = operator.writes.slice(before).filter(({ kind }) => kind === "Agent");
    expect(written.length).toBeLessThanOrEqual(20);
    expect(JSON.stringify(await agent()).length).toBeLessThan(65_536);
  });
});

describe("an operator that dies after every single write", () => {
  it("comes to the same end, with one pod at a time and none twice", async () => {
    stage.kubelet.script(/-1$/, ...wholeLife({ exitCode: 1 }));
    stage.kubelet.script(/-2$/, ...wholeLife());
    stage.kubelet.script(/-verify-/, verifierStatus({ exitCode: 0 }));
    await submit({ successCriteria: [{ command: "npm test" }] });
    let lives = 0;
    while (!isTrue((await mission())?.status?.conditions, "Complete")) {
      lives += 1;
      if (lives > 40) throw new Error("the mission does not get on");
      const dead = Promise.withResolvers<void>();
      let isDead = false;
      const operator = runOperator(stage.world, {
        tenants: [stage.namespace],
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
      await dead.promise;
      await operator.stop();
      await dropLease(stage.world.admin);
    }
    process.stdout.write(`operators that died on the way: ${lives}\n`);
    expect(stage.kubelet.seen()).toEqual(["fix-bug-coder-1", "fix-bug-coder-2"]);
    expect(stage.kubelet.mostAtOnce()).toBe(1);
    expect((await agent())?.status).toMatchObject({ attempt: 2, failures: 1, disruptions: 0 });
    expect((await mission())?.status?.verification?.attempt).toBe(1);
    expect(lives).toBeGreaterThan(8);
  });
});
