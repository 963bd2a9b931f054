import { describe, expect, it } from "@jest/globals";
import * as fc from "fast-check";
import type { Lease } from "#nervous-system/kubernetes/kinds.ts";
import {
  assertLeaseTimes,
  decideLeaseStep,
  type LeaseTimes,
  type Observation,
  observeLease,
} from "#nervous-system/kubernetes/lease-decision.ts";

const leaseOf = (holderIdentity: string, resourceVersion = "1", leaseDurationSeconds = 15): Lease => ({
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  metadata: { name: "l", namespace: "n", uid: "u", resourceVersion, creationTimestamp: "" },
  spec: { holderIdentity, leaseDurationSeconds, leaseTransitions: 3 },
});
const seen = (lease: Lease, changedAtMs = 0): Observation => ({ lease, changedAtMs });

describe("a candidate's next step", () => {
  it("creates the lease where there is none", () => {
    expect(decideLeaseStep(undefined, "me", 0, 15_000)).toEqual({ kind: "create" });
  });

  it.each<[string, Observation, number, object]>([
    ["waits while another's record is fresh", seen(leaseOf("other")), 15_000, { kind: "wait", holder: "other" }],
    [
      "takes it once the record has not changed for longer than the duration",
      seen(leaseOf("other")),
      15_001,
      { kind: "take", transitions: 4 },
    ],
    [
      "waits for a holder with a longer duration than its own",
      seen(leaseOf("other", "1", 60)),
      59_000,
      { kind: "wait" },
    ],
    ["takes a lease that was given up at once", seen(leaseOf("")), 0, { kind: "take", transitions: 4 }],
    ["renews its own without counting a transition", seen(leaseOf("me")), 99_000, { kind: "take", transitions: 3 }],
  ])("%s", (_, observed, nowMs, step) => {
    expect(decideLeaseStep(observed, "me", nowMs, 15_000)).toMatchObject(step);
  });

  it("counts from the first sight of a record, by its own clock", () => {
    const first = observeLease(undefined, leaseOf("other", "1"), 100);
    expect(observeLease(first, leaseOf("other", "1"), 200)).toBe(first);
    expect(observeLease(first, leaseOf("other", "2"), 300).changedAtMs).toBe(300);
  });

  it("refuses limits that cannot keep two leaders apart", () => {
    expect(() => assertLeaseTimes({ durationMs: 10, renewDeadlineMs: 10, retryMs: 1 })).toThrow("renewDeadline");
    expect(() => assertLeaseTimes({ durationMs: 15, renewDeadlineMs: 10, retryMs: 10 })).toThrow("retry");
  });
});

const TIMES: LeaseTimes = { durationMs: 3000, renewDeadlineMs: 2000, retryMs: 100 };

type Candidate = {
  id: string;
  observed: Observation | undefined;
  pending: (() => void) | undefined;
  heldUntilMs: number;
};

/** Reads, decides and sends a claim; the server carries it out when the test says so, however late. */
const act = (candidate: Candidate, server: { lease: Lease | undefined; version: number }, nowMs: number): void => {
  if (server.lease) candidate.observed = observeLease(candidate.observed, server.lease, nowMs);
  const step = decideLeaseStep(candidate.observed, candidate.id, nowMs, TIMES.durationMs);
  if (step.kind === "wait") return;
  const readVersion = step.kind === "take" ? step.lease.metadata.resourceVersion : undefined;
  candidate.pending = () => {
    if (server.lease?.metadata.resourceVersion !== readVersion) return;
    server.version += 1;
    server.lease = leaseOf(candidate.id, String(server.version), TIMES.durationMs / 1000);
    candidate.heldUntilMs = nowMs + TIMES.renewDeadlineMs;
  };
};

describe("fence", () => {
  it("never lets two candidates write at the same time, however they are stopped and their claims delayed", () => {
    const move = fc.record({ who: fc.nat(2), what: fc.constantFrom("act", "deliver"), passMs: fc.nat(2500) });
    let handovers = 0;
    fc.assert(
      fc.property(fc.array(move, { minLength: 20, maxLength: 200 }), (moves) => {
        const server: { lease: Lease | undefined; version: number } = { lease: undefined, version: 0 };
        const candidates = ["a", "b", "c"].map((id): Candidate => ({
          id,
          observed: undefined,
          pending: undefined,
          heldUntilMs: -Infinity,
        }));
        let nowMs = 0;
        let last = "";
        for (const { who, what, passMs } of moves) {
          const candidate = candidates[who];
          if (!candidate) continue;
          if (what === "act") act(candidate, server, nowMs);
          else {
            candidate.pending?.();
            candidate.pending = undefined;
          }
          const holders = candidates.filter(({ heldUntilMs }) => nowMs < heldUntilMs);
          expect(holders.length).toBeLessThanOrEqual(1);
          const holder = holders[0]?.id ?? last;
          if (last !== "" && holder !== last) handovers += 1;
          last = holder;
          nowMs += passMs;
        }
      }),
      { numRuns: 500 },
    );
    // The property says nothing unless leadership really moved.
    expect(handovers).toBeGreaterThan(50);
  });
});
