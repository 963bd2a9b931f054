import type { Readings } from "./conduct.ts";
import { summarize } from "./statistics.ts";

/** The same work at several sizes, each a contestant, from small to large. */
export type Growth = {
  readonly sizes: ReadonlyArray<{ readonly contestant: string; readonly n: number }>;
  readonly metrics: ReadonlyArray<{ readonly metric: string; readonly what: string }>;
};

/** How much more n log n is at the larger of two sizes. */
export const nLogN = (small: number, large: number): number => (large * Math.log(large)) / (small * Math.log(small));

/** The exponent `e` of the n^e that goes through two points. */
const exponentOf = ([n, value]: readonly [number, number], [largerN, largerValue]: readonly [number, number]): number =>
  Math.log(largerValue / value) / Math.log(largerN / n);

const count = (value: number): string =>
  value >= 1_000 ? Math.round(value).toLocaleString("en") : Number(value.toPrecision(3)).toString();

type Points = ReadonlyArray<readonly [n: number, value: number]>;

const pointsOf = ({ sizes }: Growth, metric: string, readings: Readings): Points =>
  sizes.map(({ contestant, n }) => [
    n,
    summarize((readings[contestant] ?? []).map((reading) => reading[metric] ?? Number.NaN)).median,
  ]);

const growthOf = (points: Points): string => {
  const [first, last] = [points[0], points.at(-1)];
  return first === undefined || last === undefined ? "–" : `n^${exponentOf(first, last).toFixed(2)}`;
};

const BAR = 24;

/** A bar on a logarithmic scale of which the whole is the growth of n log n from the smallest size to the largest. */
const barOf = (points: Points, value: number): string => {
  const [[small, least] = [1, 1], [large] = [1, 1]] = [points[0], points.at(-1)];
  const share = Math.log(value / least) / Math.log(nLogN(small, large));
  const length = Math.max(0, Math.min(BAR, Math.round(share * BAR)));
  return `\`${"█".repeat(length)}${"·".repeat(BAR - length)}\``;
};

/** A table of sizes with how each figure grows, and a plot of it: a bar that is full has grown like n log n. */
export const renderGrowth = (growth: Growth, readings: Readings): string[] => {
  const columns = growth.metrics.map(({ metric, what }) => ({ what, points: pointsOf(growth, metric, readings) }));
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const rows = growth.sizes.map(({ n }, at) =>
    line([
      n.toLocaleString("en"),
      ...columns.flatMap(({ points }) => {
        const value = points[at]?.[1] ?? Number.NaN;
        return [count(value), barOf(points, value)];
      }),
    ]),
  );
  return [
    line(["frames", ...columns.flatMap(({ what }) => [what, "growth"])]),
    line(["---", ...columns.flatMap(() => ["---", "---"])]),
    ...rows,
    line(["grows as", ...columns.flatMap(({ points }) => [growthOf(points), ""])]),
    "",
    "A bar is how much a figure has grown since the smallest size, on a logarithmic scale; one that is full has grown like n log n.",
    "",
  ];
};
