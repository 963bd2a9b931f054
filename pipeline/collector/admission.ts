import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc-failure.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { createRateLimiter } from "#pipeline/collector/rate-limit.ts";

/** Decides whether an export may be worked on now. */
export type Admission = {
  /** Takes room for `bytes`; the answer gives it back. Throws UNAVAILABLE, with RetryInfo, when there is none. */
  enter(bytes: number): () => void;
  /** Throws UNAVAILABLE, with RetryInfo, when the caller sends too much. */
  admit(key: string, frames: number): void;
};

/** Bounds of a collector. */
export type AdmissionLimits = {
  /** Bytes of all exports that are worked on. */
  readonly maxInFlightBytes: number;
  readonly framesPerSecond: number;
};

const RETRY_MS = 500;
const BURST_SECONDS = 10;

/** Creates the admission of one collector. */
export const createAdmission = (limits: AdmissionLimits, clock: Pick<Clock, "monotonicMs">): Admission => {
  let inFlight = 0;
  const { framesPerSecond: perSecond, maxInFlightBytes } = limits;
  const limiter = createRateLimiter({ perSecond, burst: perSecond * BURST_SECONDS }, clock);
  return {
    enter: (bytes) => {
      if (inFlight > 0 && inFlight + bytes > maxInFlightBytes)
        throw new GrpcFailure(grpcStatus.unavailable, "the collector works on all it can hold", RETRY_MS);
      inFlight += bytes;
      return () => {
        inFlight -= bytes;
      };
    },
    admit: (key, frames) => {
      const waitMs = limiter.take(key, frames);
      if (waitMs > 0)
        throw new GrpcFailure(
          grpcStatus.unavailable,
          `agent ${key} sends more than ${perSecond} frames a second`,
          waitMs,
        );
    },
  };
};
