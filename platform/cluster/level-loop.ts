import { systemClock } from "#nervous-system/kernel/clock.ts";
import type { ApiClient } from "./api-client.ts";

/** A process that keeps something equal to what the cluster says. */
export type LevelLoop = {
  readonly name: string;
  /** Collections whose changes call for another look. */
  readonly paths: readonly string[];
  /** Looks at everything and sets everything right; safe to repeat. */
  readonly reconcile: () => Promise<void>;
  /** Called after each success. */
  readonly onSettled: () => Promise<void>;
};

const COLLECT_MS = 50;
const RECHECK_MS = 30_000;
const RETRY_MS = 1_000;

/** Runs the loop until aborted: after each change, and every half minute in any case. */
export const runLevelLoop = async (client: ApiClient, loop: LevelLoop, signal: AbortSignal): Promise<void> => {
  const clock = systemClock();
  let wake = (): void => {};
  let changed = true;
  const onEvent = (): void => {
    changed = true;
    wake();
  };
  void client.watch(loop.paths, onEvent, signal);
  while (!signal.aborted) {
    changed = false;
    try {
      await loop.reconcile();
      await loop.onSettled();
    } catch (error) {
      console.error(`${loop.name}: ${String(error)}; trying again`);
      await clock.sleep(RETRY_MS, signal).catch(() => undefined);
      continue;
    }
    // One burst of events is one look.
    await clock.sleep(COLLECT_MS, signal).catch(() => undefined);
    if (changed || signal.aborted) continue;
    const cancel = await new Promise<() => void>((resolve) => {
      const stop = clock.after(RECHECK_MS, () => resolve(stop));
      wake = () => resolve(stop);
      signal.addEventListener("abort", () => resolve(stop), { once: true });
    });
    cancel();
  }
};
