import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { createKeyedSemaphore } from "#nervous-system/kernel/semaphore.ts";

/** Takes one more of what an agent may have a few of at a time; the answer gives it back. Throws UNAVAILABLE, with RetryInfo. */
type LimitPerAgent = (agentUid: string) => () => void;

const RETRY_MS = 1_000;

/** Creates a limit that nobody has reached; `what` names the things in the refusal. */
export const createLimitPerAgent = (max: number, what: string): LimitPerAgent => {
  const semaphore = createKeyedSemaphore(max);
  return (agentUid) => {
    if (!semaphore.tryAcquire(agentUid, 1))
      throw new GrpcFailure(grpcStatus.unavailable, `at most ${max} ${what} of an agent at a time`, RETRY_MS);
    return () => semaphore.release(agentUid, 1);
  };
};
