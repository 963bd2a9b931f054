import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { StreamFill } from "#pipeline/collector/stream-quota.ts";

const ASK_EVERY_MS = 1_000;

/** Asks how full the stream is until the signal aborts, and tells what it heard last; while NATS is away nothing is stored anyway. */
export const followStreamFill = (
  bus: Pick<Bus, "streamState">,
  clock: Pick<Clock, "sleep">,
  signal: AbortSignal,
): (() => StreamFill) => {
  let known: StreamFill = { bytes: 0, limitBytes: undefined };
  const follow = async (): Promise<void> => {
    while (!signal.aborted) {
      known = await bus.streamState().catch(() => known);
      await clock.sleep(ASK_EVERY_MS, signal).catch(() => undefined);
    }
  };
  void follow();
  return () => known;
};
