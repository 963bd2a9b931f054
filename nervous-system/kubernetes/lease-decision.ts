import type { Lease } from "#nervous-system/kubernetes/kinds.ts";

/** Time limits of a leader election, in milliseconds. */
export type LeaseTimes = {
  /** A candidate takes the lease when the record has not changed for this long by the candidate's own monotonic clock. */
  durationMs: number;
  /** The holder stops writing this long after it last *began* a renewal that succeeded. Must be less than durationMs. */
  renewDeadlineMs: number;
  /** Pause between two attempts. */
  retryMs: number;
};

/** client-go's defaults. */
export const DEFAULT_LEASE_TIMES: LeaseTimes = { durationMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000 };

/** Throws where the limits cannot keep two leaders apart. */
export const assertLeaseTimes = ({ durationMs, renewDeadlineMs, retryMs }: LeaseTimes): void => {
  if (retryMs < renewDeadlineMs && renewDeadlineMs < durationMs) return;
  throw new RangeError(
    `lease times must be retry (${retryMs} ms) < renewDeadline (${renewDeadlineMs} ms) < duration (${durationMs} ms)`,
  );
};

/** The record as last seen, and when (monotonic) it was first seen like this. Clocks of other machines are not asked. */
export type Observation = { lease: Lease; changedAtMs: number };

/** Keeps the time of first sight while the record stays the same. */
export const observeLease = (last: Observation | undefined, lease: Lease, nowMs: number): Observation =>
  last?.lease.metadata.resourceVersion === lease.metadata.resourceVersion ? last : { lease, changedAtMs: nowMs };

/** What a candidate does about the lease. */
export type LeaseStep =
  /** There is none: create it. */
  | { kind: "create" }
  /** It is ours, or nobody's, or lapsed: write ourselves into it, if it is still as observed. */
  | { kind: "take"; lease: Lease; transitions: number }
  /** Another holds it. */
  | { kind: "wait"; holder: string };

/** Decides a candidate's next step. Pure; `nowMs` is monotonic. */
export const decideLeaseStep = (
  observed: Observation | undefined,
  identity: string,
  nowMs: number,
  durationMs: number,
): LeaseStep => {
  if (!observed) return { kind: "create" };
  const { lease, changedAtMs } = observed;
  const { holderIdentity: holder, leaseTransitions = 0, leaseDurationSeconds = 0 } = lease.spec ?? {};
  if (holder === identity) return { kind: "take", lease, transitions: leaseTransitions };
  // The holder's own duration counts when it is longer: a holder with slower settings must not be robbed.
  const lapsed = nowMs - changedAtMs > Math.max(durationMs, leaseDurationSeconds * 1000);
  if (holder && !lapsed) return { kind: "wait", holder };
  return { kind: "take", lease, transitions: leaseTransitions + 1 };
};

/** The spec that makes `identity` the holder. */
export const renderLeaseSpec = (
  identity: string,
  times: LeaseTimes,
  claim: { time: string; transitions: number; acquireTime: string | undefined },
): NonNullable<Lease["spec"]> => ({
  holderIdentity: identity,
  leaseDurationSeconds: Math.ceil(times.durationMs / 1000),
  renewTime: claim.time,
  acquireTime: claim.acquireTime ?? claim.time,
  leaseTransitions: claim.transitions,
});
