import type { FaultKind } from "./faults.ts";

/** What a run of many seeds has come to so far. */
export type Counts = {
  seeds: number;
  frames: number;
  virtualMs: number;
  /** CPU time of the jobs, milliseconds. */
  cpuMs: number;
  faults: Partial<Record<FaultKind, number>>;
};

/** Counts of nothing. */
export const emptyCounts = (): Counts => ({ seeds: 0, frames: 0, virtualMs: 0, cpuMs: 0, faults: {} });

/** Adds counts to others. */
export const addCounts = (to: Counts, more: Counts): void => {
  to.seeds += more.seeds;
  to.frames += more.frames;
  to.virtualMs += more.virtualMs;
  to.cpuMs += more.cpuMs;
  for (const [kind, count] of Object.entries(more.faults) as Array<[FaultKind, number]>)
    to.faults[kind] = (to.faults[kind] ?? 0) + count;
};

const faultsOf = ({ faults }: Counts): number => Object.values(faults).reduce((sum, count) => sum + count, 0);

const clockText = (seconds: number): string =>
  `${Math.floor(seconds / 60)}m${String(Math.round(seconds % 60)).padStart(2, "0")}s`;

/** One line of progress. */
export const renderProgress = (counts: Counts, wanted: number, elapsedMs: number): string => {
  const rate = counts.seeds / (elapsedMs / 1000);
  const left = rate > 0 ? clockText((wanted - counts.seeds) / rate) : "?";
  const perCore = counts.cpuMs > 0 ? (counts.seeds / counts.cpuMs) * 1000 : 0;
  return (
    `${counts.seeds}/${wanted} seeds, ${rate.toFixed(0)}/s (${perCore.toFixed(0)} a CPU-second), ` +
    `${counts.frames} frames, ${faultsOf(counts)} faults, ${clockText(left === "?" ? 0 : elapsedMs / 1000)} gone, ${left} left`
  );
};

/** The faults by kind. */
export const renderFaults = ({ faults }: Counts): string =>
  Object.entries(faults)
    .toSorted(([, a], [, b]) => b - a)
    .map(([kind, count]) => `${kind} ${count}`)
    .join(", ");
