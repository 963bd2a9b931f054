import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Outcome } from "./conduct.ts";

const path = fileURLToPath(new URL("../baseline.json", import.meta.url));

/** How much worse than the baseline a ratio may be before it counts as a regression. */
const TOLERANCE = 1.2;

/** The ratio to the peer of each figure as it was when somebody last looked at it. */
export type Baseline = Readonly<Record<string, number>>;

/** The committed baseline; empty when there is none yet. */
export const readBaseline = (): Baseline =>
  existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Baseline) : {};

/** Takes these outcomes for the new baseline; figures that did not run stay as they are. */
export const writeBaseline = (outcomes: readonly Outcome[]): void => {
  const ratios = { ...readBaseline() } as Record<string, number>;
  for (const { id, goal, ratio } of outcomes) if (goal !== undefined) ratios[id] = Number(ratio.median.toPrecision(4));
  const sorted = Object.entries(ratios).toSorted(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
  writeFileSync(path, `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`);
};

/** What got worse by more than the tolerance; always a ratio, never a time, so that another machine may check it. */
export const regressions = (outcomes: readonly Outcome[], baseline: Baseline): string[] =>
  outcomes.flatMap(({ id, goal, ratio }) => {
    const was = baseline[id];
    if (goal === undefined || was === undefined) return [];
    const worse = goal.kind.endsWith("AtLeast") ? was / ratio.median : ratio.median / was;
    return worse > TOLERANCE ? [`${id}: ratio ${ratio.median.toPrecision(3)}, the baseline's is ${was}`] : [];
  });
