import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { createTokenBuckets, type TokenBuckets } from "#nervous-system/kernel/token-bucket.ts";
import { laneOf } from "#nervous-system/schemas/subjects.ts";
import { isComponent, type Caller } from "#pipeline/collector/caller.ts";
import type { Verified } from "#pipeline/collector/verify-frame.ts";

/** How full the stream of frames is; without a limit only its server's storage bounds it, and nothing is held back here. */
export type StreamFill = { readonly bytes: number; readonly limitBytes: number | undefined };

/** Holds frames back where the stream fills up. */
export type StreamQuota = {
  /** Counts an export against its sender; throws UNAVAILABLE, with RetryInfo, where what is left of the stream is for others. */
  admit(caller: Caller, bytes: number, frames: readonly Verified[]): void;
};

/** What an export is for: the swarm's own word, what somebody acts on, or all else. */
type Worth = "own" | "signal" | "bulk";

// The trimmer lets go from 70 % on; what stays beyond this is held by somebody, and people are told of it.
const PRESSED = 0.75;
const top: Readonly<Record<Exclude<Worth, "own">, number>> = { bulk: 0.9, signal: 0.97 };

// Of the whole stream, at once and then within so long. Bytes count as they come: packed they are a fifth of that.
const SHARE_SECONDS = 4 * 3600;
const shares = { agent: 1 / 32, namespace: 1 / 16 };
const MAX_SENDERS = 10_000;

const RETRY_MS = 5_000;
const MAX_RETRY_MS = 30_000;

/** A scribe's own frames tell what became of an agent, and no agent makes it write more of them. */
const isOwn = (one: Verified): boolean => "frame" in one && one.frame.envelope.producer === "scribe";
const isSignal = (one: Verified): boolean => "frame" in one && laneOf(one.frame.envelope.event_type) === "signal";

const worthOf = (caller: Caller, frames: readonly Verified[]): Worth => {
  if (isComponent(caller)) return "own";
  // External clients have no chain of which it would be the end.
  if (frames.length === 0) return "bulk";
  if (caller.bound !== undefined && frames.every(isOwn)) return "own";
  return frames.every((one) => isOwn(one) || isSignal(one)) ? "signal" : "bulk";
};

/** What of the room for its worth is left, of 1; beyond the trimmer's mark it becomes scarce, and nobody may have the last of it. */
const leftFor = (worth: Exclude<Worth, "own">, full: number): number =>
  Math.min(1, Math.max(0, (top[worth] - full) / (top[worth] - PRESSED)));

const refuse = (why: string, waitMs: number): GrpcFailure =>
  new GrpcFailure(grpcStatus.unavailable, why, Math.min(Math.max(waitMs, RETRY_MS), MAX_RETRY_MS));

const bucketsOf = (share: number, clock: Pick<Clock, "monotonicMs">): TokenBuckets =>
  createTokenBuckets({ perSecond: share / SHARE_SECONDS, burst: share }, clock, MAX_SENDERS);

/**
 * Creates the quota of one collector; `fillOf` tells how full the stream is. While the stream is trimmed anybody writes as much as
 * he likes. Once it is not, who wrote more than his share lately waits, and others pay the more of theirs the less is left: so
 * many who press come ever closer to the bound for their frames and never reach it, and what lies above is for signals, then
 * for scribes and components alone. Nothing of that has to be remembered over a restart: the stream itself tells how full it is.
 */
export const createStreamQuota = (fillOf: () => StreamFill, clock: Pick<Clock, "monotonicMs">): StreamQuota => {
  const agents = bucketsOf(shares.agent, clock);
  const namespaces = bucketsOf(shares.namespace, clock);
  let known: StreamFill | undefined;
  // What came since the stream was asked last: a flood is faster than that.
  let since = 0;
  const look = (): StreamFill => {
    const fill = fillOf();
    if (fill !== known) since = 0;
    known = fill;
    return fill;
  };
  return {
    admit: (caller, bytes, frames) => {
      const fill = look();
      if (fill.limitBytes === undefined || isComponent(caller)) return;
      const full = (fill.bytes + since) / fill.limitBytes;
      const part = bytes / fill.limitBytes;
      const [agent, namespace] = [agents.of(caller.agentUid), namespaces.of(caller.namespace)];
      if (full < PRESSED) {
        // Counts, and leaves no debt behind.
        agent.take(part);
        namespace.take(part);
        since += bytes;
        return;
      }
      const worth = worthOf(caller, frames);
      if (worth === "own") return;
      const left = leftFor(worth, full);
      const shown = `the stream is ${Math.floor(full * 100)} % full`;
      const price = part / left;
      // A bucket lets through what is more than it ever holds.
      if (left === 0 || price > shares.agent) throw refuse(`${shown}, and what is left is for others`, RETRY_MS);
      const waitMs = Math.max(agent.waitMs(price), namespace.waitMs(price));
      if (waitMs > 0)
        throw refuse(
          `${shown}, and agent ${caller.agentUid} or namespace ${caller.namespace} has had its share`,
          waitMs,
        );
      agent.spend(price);
      namespace.spend(price);
      since += bytes;
    },
  };
};
