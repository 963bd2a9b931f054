import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";

const TRIES = 6;
const FIRST_WAIT_MS = 500;

const forNow: ReadonlySet<number> = new Set([grpcStatus.unavailable, grpcStatus.aborted]);

/** Tries six times what fails for now: an export of hours must not end by a server that restarts. Rejects as `work` does. */
export const persistently = async <T>(
  clock: Pick<Clock, "sleep">,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> => {
  for (let tried = 1; ; tried += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof GrpcFailure) || !forNow.has(error.code) || tried === TRIES) throw error;
      await clock.sleep(error.retryAfterMs ?? FIRST_WAIT_MS * 2 ** tried, signal);
    }
  }
};
