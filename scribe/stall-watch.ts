import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import type { WalStats } from "#nervous-system/recorder/wal/wal.ts";

const LOOK_EVERY_MS = 1000;

/** Tells in the log why writers wait, once, and when they go on; the answer ends it. */
export const watchStalls = (
  stats: () => Pick<WalStats, "stall">,
  clock: Pick<Clock, "after">,
  log: Log,
): (() => void) => {
  let told: string | undefined;
  let cancel: () => void = () => undefined;
  const look = (): void => {
    const reason = stats().stall?.reason;
    if (reason !== undefined && reason !== told)
      log.warn({ reason }, `writers wait: ${stats().stall?.message ?? reason}`);
    if (reason === undefined && told !== undefined) log.info({}, "writers go on: the log takes frames again");
    told = reason;
    cancel = clock.after(LOOK_EVERY_MS, look);
  };
  look();
  return () => cancel();
};
