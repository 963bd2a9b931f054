import { addTally, emptyTally, type Tally } from "./progress.ts";
import { runSeed, type SeedResult } from "./run-seed.ts";

/** The seeds `from`, `from + step`, … below `to`. */
export type SeedRange = { readonly from: number; readonly to: number; readonly step: number };

/** What is told of a run: how much more was done, and each seed that failed. */
export type Told =
  | { readonly kind: "tally"; readonly more: Tally }
  | { readonly kind: "failed"; readonly result: SeedResult };

const TELL_EVERY = 25;

/** The tally of one seed. */
export const tallyOf = (result: SeedResult, cpuMs: number): Tally => ({
  seeds: 1,
  frames: result.frames,
  virtualMs: result.virtualMs,
  cpuMs,
  faults: { ...result.faults },
});

/** Runs a range of seeds one after the other; `cpuMs` is the time that this thread has worked so far. */
export const runSeeds = async (range: SeedRange, cpuMs: () => number, tell: (told: Told) => void): Promise<void> => {
  let more = emptyTally();
  for (let seed = range.from; seed < range.to; seed += range.step) {
    const before = cpuMs();
    const result = await runSeed(seed);
    addTally(more, tallyOf(result, cpuMs() - before));
    if (result.violations.length > 0) tell({ kind: "failed", result });
    if (more.seeds < TELL_EVERY) continue;
    tell({ kind: "tally", more });
    more = emptyTally();
  }
  tell({ kind: "tally", more });
};
