const TRIES = 5;

const leastMs = (work: () => unknown): number => {
  let least = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < TRIES; tries += 1) {
    const begun = performance.now();
    work();
    least = Math.min(least, performance.now() - begun);
  }
  return least;
};

/**
 * How many times as long the work on four times as much takes, at best of five tries each: about 4 where it is linear, 16
 * where it is quadratic, on whatever machine. `make(n)` prepares the work on `n`; `n` should take some milliseconds.
 */
export const growthOf = (n: number, make: (n: number) => () => unknown): number => {
  const [once, fourTimes] = [make(n), make(4 * n)];
  once(); // compiled
  return leastMs(fourTimes) / leastMs(once);
};

/** Between linear and quadratic, with room for a machine that does much else. */
export const mostGrowth = 10;
