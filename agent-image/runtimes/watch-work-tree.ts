import { lookPauseMs } from "#nervous-system/git/look-pause.ts";
import type { DependencyReader } from "#nervous-system/imports/dependency-reader.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Journal } from "../cortex/engine/journal.ts";
import type { Snapshots } from "../cortex/engine/snapshots.ts";
import type { Observer } from "../cortex/workspace/observation.ts";
import { isRepositoryFailure } from "../cortex/workspace/repository.ts";

type WatchOptions = {
  readonly observer: Observer;
  readonly dependencies: DependencyReader;
  readonly journal: Journal;
  readonly snapshots: Snapshots;
  readonly clock: Pick<Clock, "after" | "monotonicMs">;
  /** Aborts when the agent is asked to stop. */
  readonly signal: AbortSignal;
  /** Called once where nothing more can be recorded. */
  readonly onFailure: () => void;
};

/** Looks at a work tree again and again while a program changes it, and records what changed. */
export type Watch = {
  /** Records what changed since the last look. */
  look(): Promise<void>;
  /** Ends the looks, once the one under way is over; throws what made the record fail. */
  end(): Promise<void>;
};

const createLook = ({ observer, dependencies, journal, signal }: WatchOptions): (() => Promise<void>) => {
  const warned = new Set<string>();
  return async () => {
    const seen = await observer.observe();
    const changes = await dependencies.addTo(seen, signal);
    await journal.stateChanges({ ...seen, changes }, "wrapper");
    for (const warning of seen.warnings.filter((one) => !warned.has(one))) {
      warned.add(warning);
      await journal.error(warning, false);
    }
  };
};

/**
 * Begins to watch.
 *
 *   look → snapshot where it is due → pause → look → … → end(): the look under way
 */
export const watchWorkTree = (options: WatchOptions): Watch => {
  const { clock, snapshots, onFailure } = options;
  const look = createLook(options);
  let cancel = (): void => undefined;
  let isOver = false;
  let failure: { readonly error: unknown } | undefined;
  let looking: Promise<void>;

  const lookAndGoOn = async (): Promise<void> => {
    const began = clock.monotonicMs();
    let tookMs = 0;
    try {
      // A tree that changes while Git reads it is looked at again next time.
      await look().catch((error: unknown) => (isRepositoryFailure(error) ? undefined : Promise.reject(error)));
      tookMs = clock.monotonicMs() - began;
      await snapshots.afterTurn([]);
    } catch (error) {
      failure = { error };
      onFailure();
      return;
    }
    if (isOver) return;
    cancel = clock.after(lookPauseMs(tookMs), () => {
      looking = lookAndGoOn();
    });
  };

  looking = lookAndGoOn();
  return {
    look,
    end: async () => {
      isOver = true;
      cancel();
      await looking;
      if (failure !== undefined) throw failure.error;
    },
  };
};
