import type { WriterLimits } from "#nervous-system/recorder/wal/writer.ts";
import type { WalCut } from "#nervous-system/recorder/wal-cut.ts";
import { memberOf, type Member } from "./identities.ts";
import type { Random } from "./random.ts";

/** What a disk does beside being slow, full and broken now and then. */
export type DiskNature = "honest" | "flips" | "lies";

/** One recorder of a scenario. */
export type MemberPlan = {
  readonly member: Member;
  readonly nature: DiskNature;
  readonly frames: number;
  readonly maxBytes: number;
  readonly thinkMs: number;
  readonly window: number;
  readonly syncMs: number;
  readonly limits: Partial<WriterLimits>;
};

/** What a seed decides before anything runs. */
export type Scenario = {
  readonly members: readonly MemberPlan[];
  readonly collectors: number;
  /** Whether the stream flushes before it acknowledges; else it may lose its tail, and the logs are cut at *settled*. */
  readonly syncAlways: boolean;
  readonly cut: WalCut;
  readonly delayMs: number;
  readonly faults: number;
  /** Within it faults begin. */
  readonly activeMs: number;
};

const natureOf = (random: Random): DiskNature => {
  const chance = random.next();
  return chance < 0.76 ? "honest" : chance < 0.9 ? "flips" : "lies";
};

/** Small segments, so that short histories see many of them; a log that fills up; groups of one record and of many. */
const limitsOf = (random: Random, syncAlways: boolean): Partial<WriterLimits> => {
  const segmentBytes = random.pick([1_500, 4_000, 16_000]);
  return {
    segmentBytes,
    // As in the product, a log holds several of the largest frames.
    maxBytes: Math.max(32_000, segmentBytes * (syncAlways ? random.pick([8, 16, 64]) : 4_000)),
    groupBytes: random.pick([600, 4_000, 1_048_576]),
    // A stream that loses its tail heals from stored segments: they must be there.
    keepBytes: syncAlways ? random.pick([0, 2 * segmentBytes]) : 64_000_000,
  };
};

const memberPlan = (random: Random, n: number, syncAlways: boolean): MemberPlan => {
  const limits = limitsOf(random, syncAlways);
  return {
    member: memberOf(n, random.chance(0.25) ? "component" : "agent"),
    nature: natureOf(random),
    frames: random.between(4, 24),
    maxBytes: random.pick([100, 600, 6_000]),
    thinkMs: random.pick([5, 100, 800]),
    window: random.pick([1, 4, 32]),
    syncMs: random.pick([0.2, 4, 30]),
    limits,
  };
};

/** Decides a scenario. */
export const planScenario = (random: Random): Scenario => {
  const syncAlways = random.chance(0.75);
  const count = random.between(1, 3);
  return {
    members: Array.from({ length: count }, (_, at) => memberPlan(random, at + 1, syncAlways)),
    collectors: random.between(1, 3),
    syncAlways,
    cut: syncAlways && random.chance(0.8) ? "stored" : "settled",
    delayMs: random.pick([0.5, 3, 60]),
    faults: random.between(0, 10),
    activeMs: random.pick([500, 3_000, 12_000]),
  };
};
