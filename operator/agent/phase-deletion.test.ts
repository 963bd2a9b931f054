import { describe, expect, it } from "@jest/globals";
import type { AgentStatus } from "#nervous-system/schemas/resources/agent.ts";
import { decideAgent } from "#operator/agent/decide.ts";
import type { AgentSnapshot } from "#operator/agent/snapshot.ts";
import { podFacts } from "#operator/pod/facts.ts";
import { anAgent } from "#test/builders/agent.ts";
import { anAgentSnapshot } from "#test/builders/agent-snapshot.ts";
import { aPod } from "#test/builders/pod.ts";
import { endedStatus, runningStatus, type PodStatus } from "#test/builders/pod-status.ts";

const firstAttempt: AgentStatus = {
  attempt: 1,
  podName: "fix-bug-coder-1",
  podUID: "2b6f0000-0000-4000-8000-000000000001",
};
const actsOf = (given: AgentSnapshot): string[] => decideAgent(given).acts.map(({ kind }) => kind);

describe("deletion of an Agent", () => {
  const deleting = (deletionTimestamp: string, pod?: PodStatus, podMeta = {}): AgentSnapshot =>
    anAgentSnapshot({
      agent: anAgent({ status: firstAttempt, metadata: { deletionTimestamp } }),
      pod: pod === undefined ? undefined : podFacts(aPod({ status: pod, metadata: podMeta })),
    });

  it("stops the pod and waits for its scribe", () => {
    const given = deleting("2026-11-23T10:00:00Z", runningStatus());
    expect(actsOf(given)).toEqual(["deletePod"]);
    expect(decideAgent(given).outcome.kind).toBe("waiting");
  });

  it("lets go when the record is whole", () => {
    expect(actsOf(deleting("2026-11-23T10:00:00Z", endedStatus()))).toEqual(["releasePod", "releaseAgent"]);
  });

  it("tells of the frames that were not confirmed", () => {
    const given = deleting("2026-11-23T10:00:00Z", endedStatus({ scribe: { lastSeq: 9, ackedSeq: 7 } }));
    expect(actsOf(given)).toEqual(["warnOfGap", "releasePod", "releaseAgent"]);
  });

  it("lets go of a silent pod after drain and 60 s, with a warning", () => {
    const podMeta = { deletionTimestamp: "2026-11-23T09:59:00Z", deletionGracePeriodSeconds: 45 };
    expect(actsOf(deleting("2026-11-23T09:58:31Z", runningStatus(), podMeta))).toEqual([]);
    expect(actsOf(deleting("2026-11-23T09:58:30Z", runningStatus(), podMeta))).toEqual([
      "warnOfGap",
      "releasePod",
      "releaseAgent",
    ]);
  });

  it("lets an Agent go that never had a pod", () => {
    expect(actsOf(deleting("2026-11-23T10:00:00Z"))).toEqual(["releaseAgent"]);
  });
});
