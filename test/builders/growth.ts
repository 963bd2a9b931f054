const LEAST_TRIES = 5;
const MOST_TRIES = 60;

/** Between linear and quadratic, with room for a machine that does much else. */
export const mostGrowth = 10;

const msOf = (work: () => unknown): number => {
  const begun = performance.now();
  work();
  return performance.now() - begun;
};

/**
 * How many times as long the work on four times as much takes, each at its best: about 4 where it is linear, 16 where it is
 * quadratic, on whatever machine. `make(n)` prepares the work on `n`; `n` should take some milliseconds.
 *
 * It is compared with the small work done four times over, so that a busy machine interrupts the one as often as the other,
 * and tried again while it looks like too much: the best of many tries is that of a machine with nothing else to do.
 */
export const growthOf = (n: number, make: (n: number) => () => unknown): number => {
  const [once, fourTimes] = [make(n), make(4 * n)];
  const fourOnces = (): void => {
    for (let times = 0; times < 4; times += 1) once();
  };
  once(); // compiled
  let [small, large] = [Infinity, Infinity];
  const growth = (): number => (4 * large) / small;
  for (let tries = 0; tries < LEAST_TRIES || (growth() >= mostGrowth && tries < MOST_TRIES); tries += 1) {
    small = Math.min(small, msOf(fourOnces));
    large = Math.min(large, msOf(fourTimes));
  }
  return growth();
};
