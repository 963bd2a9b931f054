import { describe, expect, it } from "@jest/globals";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import { createAdmission } from "./admission.ts";
import { createRateLimiter } from "./rate-limit.ts";

describe("the rate limiter", () => {
  it("lets a burst through, then as much as flows in, a caller at a time", async () => {
    const clock = manualClock();
    const limiter = createRateLimiter({ perSecond: 100, burst: 200 }, clock);
    expect(limiter.take("a", 200)).toBe(0);
    expect(limiter.take("a", 50)).toBe(500);
    expect(limiter.take("b", 200)).toBe(0);
    await clock.advance(500);
    expect(limiter.take("a", 50)).toBe(0);
    expect(limiter.take("a", 1)).toBe(10);
  });

  it("lets what is larger than the burst through a full bucket, and makes the caller pay for it", async () => {
    const clock = manualClock();
    const limiter = createRateLimiter({ perSecond: 100, burst: 200 }, clock);
    expect(limiter.take("a", 500)).toBe(0);
    expect(limiter.take("a", 1)).toBe(3010);
    await clock.advance(3010);
    expect(limiter.take("a", 1)).toBe(0);
  });
});

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
});
