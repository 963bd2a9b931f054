import { describe, expect, it } from "@jest/globals";
import type { Agent } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { aMetadata } from "#test/builders/metadata.ts";
import { computePodBinding, parsePodName } from "#pipeline/identity/pod-binding.ts";

const agentAt = (attempt: number, podUID: string, history: ReadonlyArray<readonly [number, string]> = []): Agent => ({
  apiVersion: "swarm.enchanted.dev/v1alpha1",
  kind: "Agent",
  metadata: aMetadata("Agent", "fix-coder", { namespace: "team", uid: "u" }),
  spec: {
    missionRef: { name: "fix" },
    role: "Coder",
    task: { id: "t", title: "t", text: "t" },
    modelRef: { name: "m" },
    image: `i@sha256:${"0".repeat(64)}`,
    suspend: false,
  },
  status: {
    attempt,
    podUID,
    history: history.map(([n, uid]) => ({ attempt: n, podUID: uid, reason: "AttemptFailed" })),
  },
});

describe("parsePodName", () => {
  it("takes the attempt from the end of the name", () => {
    expect(parsePodName("fix-2-coder-13")).toEqual({ agent: "fix-2-coder", attempt: 13 });
    expect(parsePodName("fix-coder")).toBeUndefined();
    expect(parsePodName("fix-coder-007")).toBeUndefined();
  });
});

describe("computePodBinding", () => {
  const pod = { name: "fix-coder-5", uid: "pod-5" };
  it("lets the pod of the current attempt act", () => {
    expect(computePodBinding(pod, agentAt(5, "pod-5"))).toMatchObject({ kind: "current", attempt: 5 });
  });

  it("takes late frames of the last three attempts only", () => {
    const late = (current: number) => computePodBinding(pod, agentAt(current, "pod-x", [[5, "pod-5"]])).kind;
    expect([6, 7, 8, 9].map(late)).toEqual(["earlier", "earlier", "earlier", "foreign"]);
  });

  it("waits for the operator where the pod is newer than what is written down", () => {
    expect(computePodBinding(pod, agentAt(4, "pod-4")).kind).toBe("unknown");
    expect(computePodBinding(pod, undefined).kind).toBe("unknown");
  });

  it("believes the UID and not the name", () => {
    expect(computePodBinding({ name: "fix-coder-4", uid: "forged" }, agentAt(5, "pod-5")).kind).toBe("foreign");
    expect(computePodBinding({ name: "nginx", uid: "pod-5" }, agentAt(5, "pod-5")).kind).toBe("foreign");
  });
});
