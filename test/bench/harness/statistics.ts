/** The middle of a list, and how far the list spreads around it. */
export type Summary = { readonly median: number; readonly min: number; readonly max: number };

/** The value below which the share `q` (0 to 1) of a sorted list lies. */
export const percentile = (sorted: ArrayLike<number>, q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;

/** Sums up the runs of one figure. */
export const summarize = (values: readonly number[]): Summary => {
  const sorted = [...values].toSorted((a, b) => a - b);
  const upper = Math.floor(sorted.length / 2);
  const lower = sorted.length % 2 === 1 ? upper : upper - 1;
  const median = ((sorted[lower] ?? Number.NaN) + (sorted[upper] ?? Number.NaN)) / 2;
  return { median, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
};
