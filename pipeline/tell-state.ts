import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";

/** Least time between two tellings, and most; a state that is older than a few of the latter is nobody's. */
const LEAST_MS = 2_000;
const MOST_MS = 30_000;

/** What telling needs. */
export type TellStateOptions = {
  /** Says how the part is now. */
  readonly tell: () => Promise<void>;
  readonly clock: Pick<Clock, "after" | "sleep">;
  readonly log: Log;
};

/** Tells on and on. */
export type StateTelling = {
  /** What was told last holds no longer. */
  changed(): void;
  /** Resolves behind the signal. */
  readonly ended: Promise<void>;
};

/** Says how a part is, soon after each change and every half minute, until the signal aborts; never rejects. */
export const tellState = ({ tell, clock, log }: TellStateOptions, signal: AbortSignal): StateTelling => {
  let isOld = false;
  let wake = (): void => undefined;

  const rest = async (): Promise<void> => {
    await clock.sleep(LEAST_MS, signal);
    if (isOld) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = clock.after(MOST_MS - LEAST_MS, resolve);
    const onAbort = (): void => resolve();
    signal.addEventListener("abort", onAbort, { once: true });
    wake = resolve;
    await promise;
    signal.removeEventListener("abort", onAbort);
    cancel();
  };

  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      isOld = false;
      // Whoever reads it sees its age; the next one comes by itself.
      await tell().catch((error: unknown) => log.debug({ error: String(error) }, "how this part is was not told"));
      await rest().catch(() => undefined);
    }
  };

  return {
    changed: () => {
      isOld = true;
      wake();
    },
    ended: run(),
  };
};
