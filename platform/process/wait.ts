import { systemClock, type Clock } from "#nervous-system/kernel/clock.ts";
import { errorText } from "./error-text.ts";

/** How long and how often to look. */
export type WaitOptions = {
  readonly timeoutMs: number;
  readonly intervalMs?: number;
  readonly clock?: Clock;
  /** Ends the wait at once with its reason, as when the awaited process dies. */
  readonly signal?: AbortSignal;
};

/**
 * Looks until `probe` answers something other than undefined or false and gives that back;
 * a probe that throws counts as "not yet", and its last error is told when time runs out.
 */
export const waitFor = async <T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  options: WaitOptions,
): Promise<T> => {
  const clock = options.clock ?? systemClock();
  const deadline = clock.monotonicMs() + options.timeoutMs;
  let lastError: unknown;
  while (clock.monotonicMs() < deadline) {
    options.signal?.throwIfAborted();
    try {
      const found = await probe();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      lastError = error;
    }
    await clock.sleep(options.intervalMs ?? 50, options.signal);
  }
  const detail = lastError === undefined ? "" : `; last error: ${errorText(lastError)}`;
  throw new Error(`${what} did not happen within ${options.timeoutMs / 1000} s${detail}`);
};
