import { describe, expect, it } from "@jest/globals";
import type { GrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import type { Caller } from "#pipeline/collector/caller.ts";
import { createStreamQuota } from "#pipeline/collector/stream-quota.ts";
import type { Verified } from "#pipeline/collector/verify-frame.ts";

const MIB = 2 ** 20;
const LIMIT = 2560 * MIB;

const agentOf = (namespace: string, agentUid: string): Caller => ({
  agentUid,
  namespace,
  producers: ["agent", "scribe"],
  recorder: "scribe",
  bound: { epoch: 1, missionUid: "m", mission: "m" },
});
const gateway: Caller = { agentUid: "g", namespace: "system", producers: ["gateway"], recorder: "gateway" };

const frame = (event_type: string, producer = "agent"): Verified =>
  ({ kind: "frame", frame: { envelope: { event_type, producer } } }) as unknown as Verified;
const thoughts = [frame("LIFECYCLE", "scribe"), frame("THOUGHT")];
const error = [frame("ERROR")];
const lifecycle = [frame("LIFECYCLE", "scribe"), frame("HEARTBEAT", "scribe")];

/** A stream that takes what is admitted as it comes, and lets nothing go. */
const held = (startMib: number, limitBytes: number | undefined = LIMIT) => {
  const clock = manualClock();
  let bytes = startMib * MIB;
  const quota = createStreamQuota(() => ({ bytes, limitBytes }), clock);
  const send = (caller: Caller, mib: number, frames = thoughts): boolean => {
    try {
      quota.admit(caller, mib * MIB, frames);
      bytes += mib * MIB;
      return true;
    } catch {
      return false;
    }
  };
  const flood = (caller: Caller): void => {
    while (send(caller, 1));
  };
  return { clock, quota, send, flood, full: () => bytes / LIMIT, let: (mib: number) => (bytes = mib * MIB) };
};

describe("the quota of the stream", () => {
  it("lets an agent that floods fill no more than what the trimmer watches over, and others go on", async () => {
    const { clock, send, flood, full } = held(0);
    const greedy = agentOf("a", "a1");
    flood(greedy);
    expect(full()).toBeCloseTo(0.75, 2);
    // For a day, day and night.
    for (let hour = 0; hour < 24; hour += 1) {
      await clock.advance(3_600_000);
      flood(greedy);
      expect(send(agentOf("b", "b1"), 0.05)).toBe(true);
    }
    expect(full()).toBeLessThan(0.87);
    expect(send(agentOf("c", "c1"), 1)).toBe(true);
  });

  it("leaves room however many press, and a signal, a scribe's own frames and a component more than that", () => {
    const { send, flood, full } = held(0);
    for (let i = 0; i < 200; i += 1) flood(agentOf(`n${i}`, `a${i}`));
    expect(full()).toBeLessThan(0.9);
    expect(send(agentOf("late", "l"), 16)).toBe(false);
    expect(send(agentOf("late", "l"), 0.01)).toBe(true);
    for (let i = 0; i < 200; i += 1) while (send(agentOf(`n${i}`, `s${i}`), 1, error));
    expect(full()).toBeLessThan(0.97);
    expect(send(agentOf("late", "l"), 0.01)).toBe(false);
    expect(send(agentOf("late", "l"), 0.01, error)).toBe(true);
    expect(send(agentOf("n1", "s1"), 1, lifecycle)).toBe(true);
    expect(send(gateway, 1)).toBe(true);
  });

  it("counts the agents of a namespace together", () => {
    const { send, flood, full } = held(1930);
    for (let i = 0; i < 10; i += 1) flood(agentOf("a", `a${i}`));
    expect(full()).toBeLessThan(0.82);
    expect(send(agentOf("b", "b1"), 8)).toBe(true);
  });

  it("holds nobody back while the stream is trimmed, whatever was sent, and tells when to come again", async () => {
    const { clock, quota, send, let: holds } = held(0);
    const busy = agentOf("a", "a1");
    for (let i = 0; i < 1_000; i += 1) {
      holds(1_000);
      expect(send(busy, 3)).toBe(true);
    }
    holds(1_950);
    let refusal: GrpcFailure | undefined;
    try {
      quota.admit(busy, 3 * MIB, thoughts);
    } catch (error) {
      refusal = error as GrpcFailure;
    }
    expect(refusal).toMatchObject({ retryAfterMs: 30_000, message: expect.stringMatching(/76 % full, and agent a1/) });
    // What it sent before is no debt: its share grows again from nothing.
    await clock.advance(1_800_000);
    expect(send(busy, 3)).toBe(true);
    holds(1_000);
    expect(send(busy, 3)).toBe(true);
  });

  it("is none where only the server's storage bounds the stream", () => {
    const { quota } = held(0, undefined);
    for (let i = 0; i < 10_000; i += 1) quota.admit(agentOf("a", "a1"), 16 * MIB, thoughts);
  });
});
