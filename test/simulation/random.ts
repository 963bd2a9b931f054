import type { Ids } from "#nervous-system/schemas/ids.ts";

/** Everything that a simulation leaves to chance, from one seed. */
export type Random = {
  /** Uniform in [0, 1). */
  next(): number;
  /** Integer in [from, to]. */
  between(from: number, to: number): number;
  /** True with probability `p`. */
  chance(p: number): boolean;
  pick<T>(items: readonly T[]): T;
  /** Another stream of chance, which asking this one more or less often does not change. */
  fork(): Random;
  /** UUIDs of version 7's form. */
  ids: Ids;
};

/** mulberry32: 32 bits of state are plenty for one short history, and it costs five operations a number. */
const mulberry32 = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
};

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0").slice(-digits);

/** Creates the chance of one seed. */
export const seededRandom = (seed: number): Random => {
  const next = mulberry32(Math.imul(seed, 0x9e3779b1) ^ 0x5eed);
  const word = (): number => Math.floor(next() * 0x1_0000_0000);
  const random: Random = {
    next,
    between: (from, to) => from + Math.floor(next() * (to - from + 1)),
    chance: (p) => next() < p,
    pick: (items) => items[Math.floor(next() * items.length)] as never,
    fork: () => seededRandom(word()),
    ids: {
      next: () =>
        `${hex(word(), 8)}-${hex(word(), 4)}-7${hex(word(), 3)}-8${hex(word(), 3)}-${hex(word(), 8)}${hex(word(), 4)}`,
    },
  };
  return random;
};
