import { describe, expect, it } from "@jest/globals";
import { emptyAgent } from "#nervous-system/fold/state.ts";
import { findCondition } from "#nervous-system/schemas/conditions.ts";
import { personaDigestOf } from "#nervous-system/schemas/persona-digest.ts";
import { agentDefinition, type AgentStatus } from "#nervous-system/schemas/resources/agent.ts";
import { decideAgent } from "#operator/agent/decide.ts";
import { agentEvents } from "#operator/agent/events.ts";
import type { AgentSnapshot } from "#operator/agent/plan.ts";
import { computeAgentStatus } from "#operator/agent/status.ts";
import { podFacts } from "#operator/pod/facts.ts";
import { anAgentSnapshot } from "#test/builders/agent-snapshot.ts";
import { anAgent } from "#test/builders/agent.ts";
import { aPersona } from "#test/builders/persona.ts";
import {
  endedStatus,
  fetchFailedStatus,
  runningStatus,
  someCommit,
  someHash,
  type PodStatus,
} from "#test/builders/pod-status.ts";
import { aPod } from "#test/builders/pod.ts";

const times = { stopMs: 1, drainMs: 1, failurePauseMs: 1, disruptionPauseMs: 1, longestPauseMs: 1 };

const snapshot = (status: AgentStatus | undefined, pod?: PodStatus, attempt = 1): AgentSnapshot =>
  anAgentSnapshot({
    agent: anAgent(status === undefined ? {} : { status }),
    pod: pod === undefined ? undefined : podFacts(aPod({ attempt, status: pod })),
    times,
  });

const step = (given: AgentSnapshot): AgentStatus => computeAgentStatus(given, decideAgent(given));

describe("computeAgentStatus", () => {
  it("persists the attempt before any pod exists", () => {
    const status = step(snapshot(undefined));
    expect(status).toMatchObject({ attempt: 1, podName: "fix-bug-coder-1", phase: "Starting" });
    expect(status.podUID).toBeUndefined();
  });

  it("takes over the pod's identity and the base commit while it runs", () => {
    const status = step(snapshot({ attempt: 1 }, runningStatus()));
    expect(status).toMatchObject({ podUID: aPod().metadata.uid, nodeName: "node-1", baseCommit: someCommit });
    expect(findCondition(status.conditions, "Ready")?.status).toBe("True");
    expect(findCondition(status.conditions, "WorkspaceReady")?.status).toBe("True");
  });

  it("reads the three termination messages at the end", () => {
    const before: AgentStatus = { attempt: 1, podUID: aPod().metadata.uid };
    const status = step(
      snapshot(before, endedStatus({ agentMessage: { outcome: "Succeeded", headSHA: "f".repeat(40) } })),
    );
    expect(status).toMatchObject({
      phase: "Succeeded",
      ledger: { lastSeq: 7, ackedSeq: 7, hash: someHash },
      headSHA: "f".repeat(40),
      baseCommit: someCommit,
      history: [{ attempt: 1, exitCode: 0, reason: "Succeeded", toSeq: 7 }],
    });
    expect(findCondition(status.conditions, "Complete")?.status).toBe("True");
    expect(findCondition(status.conditions, "Recording")?.reason).toBe("RecordComplete");
  });

  it("speaks of a gap only where something was recorded and not confirmed", () => {
    const recording = (status: PodStatus): string | undefined =>
      findCondition(step(snapshot({ attempt: 1 }, status)).conditions, "Recording")?.reason;
    expect(recording(fetchFailedStatus("RepositoryNotFound", "not found"))).toBeUndefined();
    expect(recording(endedStatus({ scribe: { lastSeq: 9, ackedSeq: 7 } }))).toBe("RecordGap");
  });

  it("forgets the old pod when the next attempt starts, and keeps where every attempt starts from", () => {
    const before: AgentStatus = {
      attempt: 1,
      podUID: aPod().metadata.uid,
      nodeName: "node-1",
      baseCommit: someCommit,
      failures: 1,
      ledger: { lastSeq: 7, ackedSeq: 7, hash: someHash },
      history: [{ attempt: 1, reason: "AttemptFailed", endTime: "2026-11-23T09:00:00Z" }],
    };
    const status = step(snapshot(before, endedStatus({ exitCode: 1 })));
    expect(status).toMatchObject({ attempt: 2, podName: "fix-bug-coder-2", baseCommit: someCommit });
    expect(status.podUID).toBeUndefined();
    expect(status.nodeName).toBeUndefined();
    expect(status.ledger?.hash).toBe(someHash);
  });

  it("keeps ten ends at most, newest last", () => {
    const history = Array.from({ length: 10 }, (_, i) => ({ attempt: i + 1, reason: "AttemptDisrupted" }));
    const before: AgentStatus = { attempt: 11, podUID: aPod().metadata.uid, history };
    const status = step(snapshot(before, endedStatus({ exitCode: 1 }), 11));
    expect(status.history?.map(({ attempt }) => attempt)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it("is what the schema allows, whatever the containers wrote", () => {
    const noise = "x".repeat(100_000);
    const status = step(
      snapshot({ attempt: 1 }, { ...endedStatus({ exitCode: 1, agentMessage: noise }), message: noise }),
    );
    expect(agentDefinition.status.safeParse(status).success).toBe(true);
  });

  it("says the same when nothing happened", () => {
    const first = step(snapshot({ attempt: 1 }, runningStatus()));
    const later = snapshot(first, runningStatus());
    expect(computeAgentStatus({ ...later, nowMs: later.nowMs + 60_000 }, decideAgent(later))).toEqual(first);
  });

  it("shows what the frames of the current attempt say, and ignores those of an earlier one", () => {
    const activity = {
      kind: "ACTION",
      tool: "write_file",
      file: "src/auth.ts",
      summary: "Editing src/auth.ts",
      sinceMs: Date.parse("2026-11-23T09:59:00.500Z"),
    };
    const fold = { ...emptyAgent, epoch: 2, seq: 41, activity };
    const at = (attempt: number): AgentStatus => step({ ...snapshot({ attempt }, runningStatus(), attempt), fold });
    expect(at(2)).toMatchObject({
      activity: { summary: "Editing src/auth.ts", since: "2026-11-23T09:59:00Z" },
      ledger: { lastSeq: 41, ackedSeq: 41 },
    });
    expect(at(3).activity).toBeUndefined();
  });

  it("keeps the last snapshot that the frames told of, though the record of them is read anew", () => {
    const kept = { epoch: 1, seq: 7, manifest: `sha256:${"a".repeat(64)}` };
    const running = step({ ...snapshot({ attempt: 1 }, runningStatus()), fold: { ...emptyAgent, snapshot: kept } });
    expect(running.snapshot).toEqual(kept);
    expect(step(snapshot(running, endedStatus())).snapshot).toEqual(kept);
    const older = { ...emptyAgent, snapshot: { ...kept, seq: 3 } };
    expect(step({ ...snapshot(running, endedStatus()), fold: older }).snapshot).toEqual(kept);
    const later = { ...kept, epoch: 2, seq: 1 };
    expect(step({ ...snapshot(running, endedStatus()), fold: { ...emptyAgent, snapshot: later } }).snapshot).toEqual(
      later,
    );
  });

  it("does nothing any more once its attempt has ended, whatever frames still arrive", () => {
    const activity = { kind: "PROPOSAL", summary: "Proposing Fix" };
    const since = "2026-11-23T09:59:00Z";
    const fold = { ...emptyAgent, epoch: 1, seq: 7, activity: { ...activity, sinceMs: Date.parse(since) } };
    const running = step({ ...snapshot({ attempt: 1 }, runningStatus()), fold });
    const ended = step({ ...snapshot(running, endedStatus()), fold });
    const later = step({ ...snapshot(ended, endedStatus()), fold });
    expect(running.activity).toEqual({ ...activity, since });
    expect([ended.activity, later.activity]).toEqual([undefined, undefined]);
  });
});

describe("the record of an attempt whose scribe was killed", () => {
  it("may have a gap, and says how the scribe ended", () => {
    const ended = endedStatus();
    const [fetch, ports, scribe] = ended.initContainerStatuses!;
    const killed = { ...scribe!, state: { terminated: { exitCode: 137, reason: "OOMKilled" } } };
    const status = step(snapshot({ attempt: 1 }, { ...ended, initContainerStatuses: [fetch!, ports!, killed] }));
    expect(findCondition(status.conditions, "Recording")).toMatchObject({
      reason: "RecordGap",
      message: "The scribe left no word of where it stopped (OOMKilled, exit code 137).",
    });
  });
});

describe("the recording of an agent that works", () => {
  const fold = { ...emptyAgent, epoch: 1, seq: 3 };
  const before: AgentStatus = { attempt: 1, podUID: aPod().metadata.uid };
  const recordingOf = (given: Partial<AgentSnapshot>, pod = runningStatus()) =>
    findCondition(step({ ...snapshot(before, pod), fold, ...given }).conditions, "Recording");

  it("is True while something is heard of it, and not for ever after its scribe fell silent", () => {
    expect(recordingOf({ silentMs: 120_000 })).toMatchObject({ status: "True", reason: "Recording" });
    expect(recordingOf({ silentMs: 120_001 })).toMatchObject({
      status: "False",
      reason: "RecordingUnhealthy",
      message: expect.stringContaining("for two minutes"),
    });
    // One that never said a word, either.
    expect(recordingOf({ silentMs: 120_001, fold: undefined })?.status).toBe("False");
    expect(decideAgent({ ...snapshot(before, runningStatus()), fold }).outcome).toEqual({
      kind: "done",
      recheckMs: 60_000,
    });
  });

  it("is not judged by a silence that is older than the agent", () => {
    const nowMs = Date.parse("2026-11-23T09:01:30Z");
    expect(recordingOf({ silentMs: 9e9, nowMs })).toMatchObject({ status: "True" });
  });

  const diedAt = (finishedAt: string, restartCount = 2): PodStatus => {
    const status = runningStatus();
    const [fetch, ports, scribe] = status.initContainerStatuses ?? [];
    const lastState = { terminated: { exitCode: 137, reason: "OOMKilled", finishedAt } };
    return { ...status, initContainerStatuses: [fetch!, ports!, { ...scribe!, restartCount, lastState }] };
  };

  it("is lost where its scribe died twice beside it, and an Event says so once, though frames come again", () => {
    const well = step({ ...snapshot(before, runningStatus()), fold });
    const died = step({ ...snapshot(well, diedAt("2026-11-23T09:05:00Z")), fold });
    expect(findCondition(died.conditions, "Recording")).toMatchObject({ status: "False", reason: "ScribeDied" });
    expect(agentEvents(well, died)).toMatchObject([
      {
        type: "Warning",
        reason: "ScribeDied",
        note: expect.stringMatching(/^The scribe ended 2 times while the agent/),
      },
    ]);
    expect(agentEvents(died, step({ ...snapshot(died, diedAt("2026-11-23T09:05:00Z")), fold }))).toEqual([]);
  });

  it("is well where it died once, or before there was an agent", () => {
    expect(recordingOf({}, diedAt("2026-11-23T09:05:00Z", 1))?.status).toBe("True");
    expect(recordingOf({}, diedAt("2026-11-23T09:00:59Z"))?.status).toBe("True");
  });
});

describe("the persona of an Agent", () => {
  it("is pinned by its digest, whatever the Persona says now", () => {
    const persona = { name: "reviewer", systemPrompt: "You doubt what you read." };
    const agent = anAgent({ spec: { persona } });
    const given = anAgentSnapshot({ agent, persona: aPersona({ spec: { systemPrompt: "You trust it." } }) });
    const status = computeAgentStatus(given, decideAgent(given));
    expect(status.personaDigest).toBe(personaDigestOf(persona.systemPrompt));
    expect(findCondition(status.conditions, "PersonaCurrent")).toMatchObject({ reason: "PersonaChanged" });
    expect(step(snapshot(undefined))).not.toHaveProperty("personaDigest");
  });
});

describe("agentEvents", () => {
  it("tells an attempt from its start to its end once", () => {
    const started = step(snapshot(undefined));
    const running = step(snapshot(started, runningStatus()));
    const ended = step(snapshot(running, endedStatus()));
    expect(agentEvents({}, started).map(({ reason }) => reason)).toEqual(["AttemptStarted"]);
    expect(agentEvents(started, running)).toEqual([]);
    expect(agentEvents(running, ended).map(({ reason }) => reason)).toEqual(["Succeeded"]);
    expect(agentEvents(ended, ended)).toEqual([]);
  });
});
