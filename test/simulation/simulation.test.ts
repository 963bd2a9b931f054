import { describe, expect, it } from "@jest/globals";
import { keptSeeds } from "./kept-seeds.ts";
import { playOutage } from "./outage.ts";
import { addCounts, emptyCounts } from "./progress.ts";
import { runSeed } from "./run-seed.ts";
import { countsOf } from "./run-seeds.ts";

const SEEDS = 300;

describe("capture, simulated", () => {
  it(`keeps every rule in ${SEEDS} worlds full of faults`, async () => {
    const counts = emptyCounts();
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const result = await runSeed(seed);
      addCounts(counts, countsOf(result, 0));
      expect({ seed, violations: result.violations }).toEqual({ seed, violations: [] });
    }
    expect(Object.keys(counts.faults).toSorted()).toHaveLength(19); // every kind of fault happened
    expect(counts.frames).toBeGreaterThan(SEEDS * 10);
  }, 120_000);

  it("stays sound in the worlds that once broke it", async () => {
    for (const { seed, was } of keptSeeds)
      expect({ seed, was, violations: (await runSeed(seed)).violations }).toEqual({ seed, was, violations: [] });
  });

  it("has the same history for the same seed, and another for another", async () => {
    const hashes = new Set<string>();
    for (const seed of [3, 14, 159, 2653]) {
      const [once, again] = [await runSeed(seed), await runSeed(seed)];
      expect(again).toEqual(once);
      hashes.add(once.hash);
    }
    expect(hashes.size).toBe(4);
  });

  it("brings an hour of frames, kept while the network was away, in order, each once", async () => {
    const outage = await playOutage(2, 1_800);
    expect(outage.violations).toEqual([]);
    expect(outage.frames - outage.before).toBeGreaterThan(2_500);
    expect(outage.drainMs).toBeLessThan(60_000);
  }, 120_000);
});
