import { addCounts, emptyCounts, type Counts } from "./progress.ts";
import { runSeed, type SeedResult } from "./run-seed.ts";

/** The seeds `from`, `from + step`, … below `to`. */
export type SeedRange = { readonly from: number; readonly to: number; readonly step: number };

/** What is told of a run: how much more was done, and each seed that failed. */
export type Told =
  | { readonly kind: "counts"; readonly more: Counts }
  | { readonly kind: "failed"; readonly result: SeedResult };

const TELL_EVERY = 25;

/** The counts of one seed. */
export const countsOf = (result: SeedResult, cpuMs: number): Counts => ({
  seeds: 1,
  frames: result.frames,
  virtualMs: result.virtualMs,
  cpuMs,
  faults: { ...result.faults },
});

/** Runs a range of seeds one after the other; `cpuMs` is the time that this thread has worked so far. */
export const runSeeds = async (range: SeedRange, cpuMs: () => number, tell: (told: Told) => void): Promise<void> => {
  let more = emptyCounts();
  for (let seed = range.from; seed < range.to; seed += range.step) {
    const before = cpuMs();
    const result = await runSeed(seed);
    addCounts(more, countsOf(result, cpuMs() - before));
    if (result.violations.length > 0) tell({ kind: "failed", result });
    if (more.seeds < TELL_EVERY) continue;
    tell({ kind: "counts", more });
    more = emptyCounts();
  }
  tell({ kind: "counts", more });
};
