import { describe, expect, it } from "@jest/globals";
import { judgeEnd } from "#operator/pod/end.ts";
import { podFacts, type PodFacts } from "#operator/pod/facts.ts";
import { traceparentOf } from "#operator/pod/names.ts";
import { environment, plainValue } from "#operator/pod/parts.ts";
import { hindranceOf } from "#operator/pod/pending.ts";
import { parseAgentEnd, parseFetchEnd, parseScribeEnd } from "#operator/pod/termination.ts";
import { aMission } from "#test/builders/mission.ts";
import {
  diskExceededStatus,
  endedStatus,
  lingeringStatus,
  otherInitStatus,
  portsDownStatus,
  runningStatus,
  scribeDownStatus,
  unstartedStatus,
  waitingStatus,
  type PodStatus,
} from "#test/builders/pod-status.ts";
import { aPod } from "#test/builders/pod.ts";
import fc from "fast-check";

describe("termination messages", () => {
  it("come from containers that may write anything", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        for (const parse of [parseAgentEnd, parseFetchEnd, parseScribeEnd]) expect(() => parse(text)).not.toThrow();
      }),
    );
  });

  it("are nothing when half written", () => {
    expect(parseScribeEnd('{"lastSeq":4,"ackedS')).toBeUndefined();
    expect(parseFetchEnd('{"commit":"not a commit"}')).toBeUndefined();
  });
});

describe("environment", () => {
  it("survives the kubelet's expansion", () => {
    // k8s.io/kubernetes third_party/forked/golang/expansion: `$$` is `$`, `$(NAME)` of a known name its value.
    const expand = (text: string): string =>
      text.replaceAll(/\$\$|\$\((\w+)\)/g, (m) => (m === "$$" ? "$" : "EXPANDED"));
    fc.assert(
      fc.property(fc.array(fc.constantFrom("$", "(", ")", "HOME", "$$", " ")), (parts) => {
        const text = parts.join("");
        const rendered = environment({ A: text })[0]?.value ?? "";
        expect([expand(rendered), plainValue(rendered)]).toEqual([text, text]);
      }),
    );
  });
});

describe("a pod's end", () => {
  it("is judged for every combination without a hole", () => {
    fc.assert(
      fc.property(
        fc.record({
          phase: fc.constantFrom("Failed", "Succeeded"),
          reason: fc.constantFrom(undefined, "Evicted", "NodeShutdown", "DeadlineExceeded"),
          exitCode: fc.constantFrom(0, 1, 2, 137),
          containers: fc.boolean(),
          deleted: fc.boolean(),
        }),
        ({ phase, reason, exitCode, containers, deleted }) => {
          const full = endedStatus({ exitCode });
          const status = { ...full, phase, ...(reason && { reason }), ...(!containers && { containerStatuses: [] }) };
          const metadata = deleted ? { deletionTimestamp: "2026-11-23T09:00:00Z" } : {};
          const end = judgeEnd(podFacts(aPod({ status, metadata })));
          if (containers && exitCode === 0) expect(end.verdict).toBe("succeeded");
          else expect(end.verdict).not.toBe("succeeded");
          expect(end.message).not.toBe("");
        },
      ),
    );
  });

  it("is no attempt where the node did not take it for its own want of disk, and one where it filled its own", () => {
    const turnedAway: PodStatus = {
      phase: "Failed",
      reason: "Evicted",
      message: "Pod The node had condition: [DiskPressure].",
    };
    const verdictOf = (status: PodStatus) => judgeEnd(podFacts(aPod({ status })));
    expect(verdictOf(turnedAway)).toMatchObject({ verdict: "disrupted", reason: "PodRejected" });
    const waiting = { ...waitingStatus("PodInitializing", ""), ...turnedAway };
    expect(verdictOf(waiting)).toMatchObject({ verdict: "disrupted", reason: "PodRejected" });
    expect(verdictOf(diskExceededStatus())).toMatchObject({ verdict: "failed", reason: "DiskExceeded" });
    const whileFetching: PodStatus = { ...runningStatus(), ...turnedAway, containerStatuses: [] };
    expect(verdictOf(whileFetching)).toMatchObject({ verdict: "failed", reason: "DiskExceeded" });
  });

  it("is reached when the node has confirmed the deletion, and not before", () => {
    const at = { deletionTimestamp: "2026-11-23T09:00:00Z" };
    const draining = aPod({ status: runningStatus(), metadata: { ...at, deletionGracePeriodSeconds: 45 } });
    const confirmed = aPod({ status: runningStatus(), metadata: { ...at, deletionGracePeriodSeconds: 0 } });
    expect([podFacts(draining).ended, podFacts(confirmed).ended]).toEqual([false, true]);
  });
});

describe("hindranceOf", () => {
  it("finds nothing wrong with a working pod", () => {
    expect(hindranceOf(podFacts(aPod({ status: runningStatus() })), 0)).toBeUndefined();
  });

  it("tells of a scribe that does not come up", () => {
    const status = runningStatus();
    const [fetch, ports, up] = status.initContainerStatuses!;
    const scribe = {
      ...up!,
      restartCount: 3,
      state: { waiting: { reason: "CrashLoopBackOff" } },
    };
    const pod = aPod({
      status: { ...status, initContainerStatuses: [fetch!, ports!, scribe], containerStatuses: [] },
    });
    expect(hindranceOf(podFacts(pod), 0)).toMatchObject({ reason: "RecordingUnhealthy", stuck: true });
  });

  it("tells of ports that nobody holds, without which the scribe is not ready", () => {
    const status = portsDownStatus("no SO_REUSEPORT: Protocol not available");
    expect(hindranceOf(podFacts(aPod({ status })), 0)).toMatchObject({
      reason: "RecordingUnhealthy",
      message: expect.stringMatching(/"ports".* restarted 3 times \(Error, exit code 2\): no SO_REUSEPORT/),
      stuck: true,
    });
  });

  it("names the container that holds the ports as one of ours", () => {
    const [fetch] = runningStatus().initContainerStatuses!;
    const ports = { ...fetch!, name: "ports", state: { waiting: { reason: "ImagePullBackOff", message: "gone" } } };
    const status = { ...runningStatus(), initContainerStatuses: [fetch!, ports], containerStatuses: [] };
    const facts = podFacts(aPod({ status }));
    expect(facts.others).toEqual([]);
    expect(hindranceOf(facts, 0)).toMatchObject({
      reason: "ImagePullFailed",
      message: expect.stringContaining('"ports"'),
    });
  });
});

describe("what keeps a pod from working", () => {
  const told = (status: PodStatus, more: Partial<PodFacts> = {}) =>
    hindranceOf({ ...podFacts(aPod({ status })), ...more }, 0);

  it("is told of another's containers too, by their names", () => {
    const state = { waiting: { reason: "ImagePullBackOff", message: "no such image" } };
    expect(told(otherInitStatus(state))).toMatchObject({
      reason: "ImagePullFailed",
      message: expect.stringContaining('"mesh-init"'),
      stuck: true,
    });
    expect(told(otherInitStatus({ waiting: { reason: "CrashLoopBackOff", message: "back-off" } }))).toMatchObject({
      reason: "PodRejected",
      message: expect.stringContaining('"mesh-init"'),
      stuck: true,
    });
  });

  it("is not another's container while the agent works", () => {
    const { containerStatuses = [], ...running } = runningStatus();
    const broken = { ...containerStatuses[0]!, name: "mesh-proxy", state: { waiting: { reason: "ImagePullBackOff" } } };
    expect(told({ ...running, containerStatuses: [...containerStatuses, broken] })).toBeUndefined();
  });

  it.each([
    ["a volume", unstartedStatus(), 'MountVolume.SetUp failed for volume "git-secret" : secret "forge" not found'],
    ["an environment", waitingStatus("CreateContainerConfigError", 'secret "forge" not found'), ""],
  ])("names the Secret that %s lacks", (_, status, warned) => {
    const warning = warned === "" ? undefined : { reason: "FailedMount", message: warned };
    expect(told(status, { warning })).toMatchObject({
      reason: "SecretNotFound",
      message: expect.stringContaining('Secret "forge" does not exist; create it.'),
      stuck: true,
    });
  });

  it("is what the node says where a volume is not to be had for another reason", () => {
    const warning = { reason: "FailedMount", message: 'configmap "mesh-ca" not found' };
    expect(told(unstartedStatus(), { warning })).toMatchObject({
      reason: "PodRejected",
      message: expect.stringContaining("mesh-ca"),
    });
  });

  it("is a scribe that was killed for its memory, by that name", () => {
    expect(told(scribeDownStatus())?.message).toContain("OOMKilled, exit code 137");
  });

  it("is nothing but the rest of the record once the agent has ended", () => {
    const draining = { ...lingeringStatus(0), containerStatuses: endedStatus().containerStatuses! };
    expect(told(draining)).toMatchObject({ reason: "Draining", message: expect.stringContaining("scribe") });
    expect(told(lingeringStatus(0))).toMatchObject({ message: expect.stringContaining('"mesh-proxy" still runs') });
  });
});

describe("a container that could not be started", () => {
  it("is told by what the node says", () => {
    const status = endedStatus({ exitCode: 128, agentReason: "StartError", agentMessage: "exec: no such file" });
    expect(judgeEnd(podFacts(aPod({ status })))).toMatchObject({
      verdict: "failed",
      message: expect.stringContaining("exec: no such file"),
    });
  });
});

describe("traceparentOf", () => {
  it("is a valid W3C traceparent, the same for the same mission", () => {
    const { uid } = aMission().metadata;
    expect(traceparentOf(uid)).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(traceparentOf(uid)).toBe(traceparentOf(uid));
  });
});
