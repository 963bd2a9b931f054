import { describe, expect, it } from "@jest/globals";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import { createAdmission } from "./admission.ts";

describe("admission", () => {
  const limits = { maxInFlightBytes: 100, framesPerSecond: 10, namespaceFramesPerSecond: 15 };

  it("holds no more bytes than it may, yet always one export", () => {
    const admission = createAdmission(limits, manualClock());
    const leave = admission.enter(1000);
    expect(() => admission.enter(1)).toThrow(/works on all it can hold/);
    leave();
    admission.enter(60)();
    expect(admission.enter(100)).toBeDefined();
  });

  it("slows an agent that floods, and a namespace whose agents flood together, and nobody else", () => {
    const admission = createAdmission(limits, manualClock());
    admission.admit({ agentUid: "a", namespace: "n" }, 100);
    expect(() => admission.admit({ agentUid: "a", namespace: "n" }, 1)).toThrow(/agent a sends more than 10/);
    admission.admit({ agentUid: "b", namespace: "n" }, 50);
    expect(() => admission.admit({ agentUid: "b", namespace: "n" }, 50)).toThrow(/namespace n sends more than 15/);
    admission.admit({ agentUid: "c", namespace: "m" }, 100);
  });

  it("counts nothing against an agent that its namespace was refused for", () => {
    const admission = createAdmission(limits, manualClock());
    admission.admit({ agentUid: "a", namespace: "n" }, 100);
    for (let again = 0; again < 3; again += 1)
      expect(() => admission.admit({ agentUid: "b", namespace: "n" }, 90)).toThrow(/namespace n/);
    admission.admit({ agentUid: "b", namespace: "n" }, 50);
    admission.admit({ agentUid: "b", namespace: "m" }, 50);
    expect(() => admission.admit({ agentUid: "b", namespace: "m" }, 1)).toThrow(/agent b/);
  });
});
