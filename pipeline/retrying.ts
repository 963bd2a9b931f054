import { fullJitterMs } from "#nervous-system/kernel/backoff.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";

/** What trying again needs. */
export type RetryingOptions = {
  readonly clock: Pick<Clock, "sleep">;
  readonly random: () => number;
  readonly log: Log;
};

const BACKOFF = { baseMs: 500, capMs: 10_000 };

/** Does `attempt` until it succeeds, saying what keeps it each time it fails. */
export const retrying = async <T>(
  what: string,
  attempt: () => Promise<T>,
  { clock, random, log }: RetryingOptions,
): Promise<T> => {
  for (let failures = 0; ; failures += 1) {
    try {
      return await attempt();
    } catch (error) {
      log.warn({ err: error }, `${what} failed; trying again`);
      await clock.sleep(fullJitterMs(failures, { ...BACKOFF, random }));
    }
  }
};
