import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";

/** Takes one more of what an agent may have a few of at a time; the answer gives it back. Throws UNAVAILABLE, with RetryInfo. */
export type Seats = (agentUid: string) => () => void;

const RETRY_MS = 1_000;

/** Creates seats that nobody has taken; `what` names them in the refusal. */
export const createSeats = (max: number, what: string): Seats => {
  const taken = new Map<string, number>();
  return (agentUid) => {
    const count = taken.get(agentUid) ?? 0;
    if (count >= max)
      throw new GrpcFailure(grpcStatus.unavailable, `at most ${max} ${what} of an agent at a time`, RETRY_MS);
    taken.set(agentUid, count + 1);
    return () => {
      const left = (taken.get(agentUid) ?? 1) - 1;
      if (left === 0) taken.delete(agentUid);
      else taken.set(agentUid, left);
    };
  };
};
