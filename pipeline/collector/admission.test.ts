import { describe, expect, it } from "@jest/globals";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import { createAdmission, type Admission } from "./admission.ts";

const tryToEnter = (admission: Admission, ...[caller, bytes]: Parameters<Admission["enter"]>): boolean => {
  try {
    admission.enter(caller, bytes);
    return true;
  } catch {
    return false;
  }
};

describe("admission", () => {
  const limits = {
    maxInFlightBytes: 100,
    inFlightBytesApart: 0,
    framesPerSecond: 10,
    namespaceFramesPerSecond: 15,
  };

  const [a1, a2, b1] = [
    { agentUid: "a1", namespace: "a" },
    { agentUid: "a2", namespace: "a" },
    { agentUid: "b1", namespace: "b" },
  ];

  it("shares its bytes by namespace and agent, and tells whose share is used up", () => {
    const admission = createAdmission(limits, manualClock());
    const leave = admission.enter(a1, 25);
    expect(() => admission.enter(a1, 1)).toThrow(/of agent a1 that are worked on hold its share/);
    admission.enter(a2, 12);
    expect(() => admission.enter(a2, 2)).toThrow(/of namespace a that are worked on hold its share/);
    admission.enter(b1, 15);
    expect(() => admission.enter(b1, 10)).toThrow(/works on all it can hold/);
    leave();
    admission.enter(a1, 1);
  });

  it("serves another namespace however many exports the agents of one send", () => {
    const admission = createAdmission({ ...limits, maxInFlightBytes: 128 * 2 ** 20 }, manualClock());
    for (let agent = 0; agent < 100; agent += 1)
      for (let bytes = 16 * 2 ** 20; bytes >= 1; bytes = Math.floor(bytes / 2))
        tryToEnter(admission, { agentUid: `${agent}`, namespace: "greedy" }, bytes);
    expect(admission.enter(b1, 16 * 2 ** 20)).toBeDefined();
  });

  it("takes a scribe's export of the next namespace, however many others press", () => {
    const mib = 2 ** 20;
    const room = { ...limits, maxInFlightBytes: 128 * mib, inFlightBytesApart: 8 * mib };
    const admission = createAdmission(room, manualClock());
    for (let agent = 0; agent < 112; agent += 1)
      while (tryToEnter(admission, { agentUid: `${agent}`, namespace: `n${Math.floor(agent / 8)}` }, mib / 4));
    const leave = admission.enter(b1, 4 * mib);
    expect(() => admission.enter(b1, mib)).toThrow(/works on all it can hold/);
    leave();
    admission.enter(b1, 4 * mib);
  });

  it("shares as many bytes of messages that come, whatever is worked on", () => {
    const admission = createAdmission(limits, manualClock());
    admission.enter(a1, 25);
    const coming = admission.receive(a1);
    expect(coming.grow(25)).toBeUndefined();
    expect(coming.grow(1)?.message).toMatch(/the messages of agent a1 on their way hold its share/);
    expect(admission.receive(b1).grow(15)).toBeUndefined();
    coming.leave();
    expect(admission.receive(a1).grow(10)).toBeUndefined();
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
