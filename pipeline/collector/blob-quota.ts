import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { createSharedRoom } from "#nervous-system/kernel/shared-room.ts";
import { createTokenBuckets } from "#nervous-system/kernel/token-bucket.ts";

/** Whom an upload is counted for: a namespace, and its agent unless a component uploads for all of them. */
export type BlobOwner = { readonly namespace: string; readonly agentUid: string | undefined };

/** One upload, while it lies on the collector's disk. */
export type Upload = {
  /** Counts bytes that came; throws UNAVAILABLE, with RetryInfo, where there is no room for them. */
  take(bytes: number): void;
  leave(): void;
};

/** Bounds what is brought into the store of blobs, and what lies on the collector's disk until it is whole. */
export type BlobQuota = {
  /** Begins an upload; throws UNAVAILABLE, with RetryInfo, where its owner has sent more than may be. */
  open(owner: BlobOwner): Upload;
};

/** Bytes a second, and how many seconds' worth may come at once. */
export type BlobLimits = {
  readonly agentBytesPerSecond: number;
  readonly namespaceBytesPerSecond: number;
  /** Of all uploads together; what they hold is shared by namespaces and agents. */
  readonly diskBytes: number;
};

const BURST_SECONDS = 512;
const MAX_SENDERS = 10_000;
const RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;
// The only upload of a namespace gets this of the disk in any case.
const DISK_APART = 1 / 16;

const refuse = (why: string, waitMs: number): GrpcFailure =>
  new GrpcFailure(grpcStatus.unavailable, why, Math.min(Math.max(waitMs, RETRY_MS), MAX_RETRY_MS));

/** Creates the quota of one collector. A blob that has begun is taken whole: what it is too much, the next one waits for. */
export const createBlobQuota = (limits: BlobLimits, clock: Pick<Clock, "monotonicMs">): BlobQuota => {
  const bucketsOf = (perSecond: number) =>
    createTokenBuckets({ perSecond, burst: perSecond * BURST_SECONDS }, clock, MAX_SENDERS);
  const agents = bucketsOf(limits.agentBytesPerSecond);
  const namespaces = bucketsOf(limits.namespaceBytesPerSecond);
  const components = bucketsOf(limits.namespaceBytesPerSecond);
  const disk = createSharedRoom({ total: limits.diskBytes, apart: limits.diskBytes * DISK_APART });
  return {
    open: ({ namespace, agentUid }) => {
      // What agents upload takes nothing of what a component must record of the same namespace, such as its model calls.
      const paying =
        agentUid === undefined
          ? [{ who: `what is recorded of namespace ${namespace}`, bucket: components.of(namespace) }]
          : [
              { who: `namespace ${namespace}`, bucket: namespaces.of(namespace) },
              { who: `agent ${agentUid}`, bucket: agents.of(agentUid) },
            ];
      for (const { who, bucket } of paying) {
        const waitMs = bucket.waitMs(1);
        if (waitMs > 0) throw refuse(`${who} has sent more blobs than it may lately`, waitMs);
      }
      const { grow, leave } = disk.open(namespace, agentUid ?? `components of ${namespace}`);
      return {
        take: (bytes) => {
          for (const { bucket } of paying) bucket.spend(bytes);
          if (grow(bytes) !== undefined) throw refuse("there is no room for more blobs on their way", RETRY_MS);
        },
        leave,
      };
    },
  };
};
