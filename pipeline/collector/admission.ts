import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { createSharedRoom, type RoomHolder } from "#nervous-system/kernel/shared-room.ts";
import { createTokenBuckets, type TokenBucket, type TokenBuckets } from "#nervous-system/kernel/token-bucket.ts";
import type { MessageShare } from "#nervous-system/comms/grpc/message-share.ts";
import type { Caller } from "#pipeline/collector/caller.ts";

type Sender = Pick<Caller, "agentUid" | "namespace">;

/** Decides whether an export may be worked on now. */
export type Admission = {
  /** What a caller's messages take while they come. */
  receive(caller: Sender): MessageShare;
  /** Takes room for a caller's `bytes`; the answer gives it back. Throws UNAVAILABLE, with RetryInfo, when there is none. */
  enter(caller: Sender, bytes: number): () => void;
  /** Throws UNAVAILABLE, with RetryInfo, when the caller, or its namespace as a whole, sends too much. */
  admit(caller: Sender, frames: number): void;
};

/** Bounds of a collector. */
export type AdmissionLimits = {
  /** Bytes of all exports that are worked on, and as many of all messages that come, shared by namespaces and agents. */
  readonly maxInFlightBytes: number;
  /** What of them is kept apart for the only one of a namespace. */
  readonly inFlightBytesApart: number;
  /** Of one agent. */
  readonly framesPerSecond: number;
  /** Of all agents and external clients of one namespace. */
  readonly namespaceFramesPerSecond: number;
};

const RETRY_MS = 500;
const BURST_SECONDS = 10;
const MAX_SENDERS = 10_000;

type Lane = { readonly buckets: TokenBuckets; readonly perSecond: number };

const laneOf = (perSecond: number, clock: Pick<Clock, "monotonicMs">): Lane => ({
  buckets: createTokenBuckets({ perSecond, burst: perSecond * BURST_SECONDS }, clock, MAX_SENDERS),
  perSecond,
});

const full = (why: string): GrpcFailure => new GrpcFailure(grpcStatus.unavailable, why, RETRY_MS);

const works = { things: "exports", doing: "that are worked on" };
const comes = { things: "messages", doing: "on their way" };

const reasonOf = (
  holder: RoomHolder,
  { agentUid, namespace }: Sender,
  { things, doing }: Readonly<typeof works>,
): string => {
  if (holder === "all") return "the collector works on all it can hold";
  const who = holder === "member" ? `agent ${agentUid}` : `namespace ${namespace}`;
  return `the ${things} of ${who} ${doing} hold its share of the collector's room`;
};

/** Creates the admission of one collector. */
export const createAdmission = (limits: AdmissionLimits, clock: Pick<Clock, "monotonicMs">): Admission => {
  const size = { total: limits.maxInFlightBytes, apart: limits.inFlightBytesApart };
  const coming = createSharedRoom(size);
  const inFlight = createSharedRoom(size);
  const agents = laneOf(limits.framesPerSecond, clock);
  const namespaces = laneOf(limits.namespaceFramesPerSecond, clock);
  const look = ({ buckets, perSecond }: Lane, who: string, key: string, frames: number): TokenBucket => {
    const bucket = buckets.of(key);
    const waitMs = bucket.waitMs(frames);
    if (waitMs > 0)
      throw new GrpcFailure(
        grpcStatus.unavailable,
        `${who} ${key} sends more than ${perSecond} frames a second`,
        waitMs,
      );
    return bucket;
  };
  return {
    receive: (caller) => {
      const { grow, shrink, leave } = coming.open(caller.namespace, caller.agentUid);
      const growOrRefuse = (bytes: number): GrpcFailure | undefined => {
        const holder = grow(bytes);
        return holder === undefined ? undefined : full(reasonOf(holder, caller, comes));
      };
      return { grow: growOrRefuse, shrink, leave };
    },
    enter: (caller, bytes) => {
      const share = inFlight.open(caller.namespace, caller.agentUid);
      const holder = share.grow(bytes);
      if (holder !== undefined) throw full(reasonOf(holder, caller, works));
      return share.leave;
    },
    admit: ({ agentUid, namespace }, frames) => {
      const agent = look(agents, "agent", agentUid, frames);
      const whole = look(namespaces, "namespace", namespace, frames);
      // Only what is admitted counts: an agent does not pay for what the others of its namespace sent.
      agent.spend(frames);
      whole.spend(frames);
    },
  };
};
