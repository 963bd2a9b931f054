import type { StreamState } from "#nervous-system/comms/nats/stream-trim.ts";

/** What telling a sink's lag needs: how far it is, and when a message of the stream was stored, Unix milliseconds. */
type LagOptions = {
  readonly state: Pick<StreamState, "firstSeq" | "lastSeq" | "firstStoredMs">;
  /** The message up to which the sink is through; 0 before its first. */
  readonly finished: number;
  readonly storedMs: (streamSeq: number) => Promise<number | undefined>;
  readonly nowMs: number;
};

/** Age of the oldest frame that a sink has not finished, seconds; 0 where it has finished all. */
export const readLagSeconds = async ({ state, finished, storedMs, nowMs }: LagOptions): Promise<number> => {
  if (finished >= state.lastSeq) return 0;
  const oldest = Math.max(finished + 1, state.firstSeq);
  // It may have been trimmed since the state was read: then it is older still.
  const stored = (await storedMs(oldest)) ?? state.firstStoredMs;
  return Math.max(0, (nowMs - stored) / 1000);
};
