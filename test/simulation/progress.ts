import type { FaultKind } from "./faults.ts";

/** What a run of many seeds has come to so far. */
export type Tally = {
  seeds: number;
  frames: number;
  virtualMs: number;
  /** CPU time of the jobs, milliseconds. */
  cpuMs: number;
  faults: Partial<Record<FaultKind, number>>;
};

/** A tally of nothing. */
export const emptyTally = (): Tally => ({ seeds: 0, frames: 0, virtualMs: 0, cpuMs: 0, faults: {} });

/** Adds one tally to another. */
export const addTally = (to: Tally, more: Tally): void => {
  to.seeds += more.seeds;
  to.frames += more.frames;
  to.virtualMs += more.virtualMs;
  to.cpuMs += more.cpuMs;
  for (const [kind, count] of Object.entries(more.faults) as Array<[FaultKind, number]>)
    to.faults[kind] = (to.faults[kind] ?? 0) + count;
};

const faultsOf = ({ faults }: Tally): number => Object.values(faults).reduce((sum, count) => sum + count, 0);

const clockText = (seconds: number): string =>
  `${Math.floor(seconds / 60)}m${String(Math.round(seconds % 60)).padStart(2, "0")}s`;

/** One line of progress. */
export const renderProgress = (tally: Tally, wanted: number, elapsedMs: number): string => {
  const rate = tally.seeds / (elapsedMs / 1000);
  const left = rate > 0 ? clockText((wanted - tally.seeds) / rate) : "?";
  const perCore = tally.cpuMs > 0 ? (tally.seeds / tally.cpuMs) * 1000 : 0;
  return (
    `${tally.seeds}/${wanted} seeds, ${rate.toFixed(0)}/s (${perCore.toFixed(0)} a CPU-second), ` +
    `${tally.frames} frames, ${faultsOf(tally)} faults, ${clockText(left === "?" ? 0 : elapsedMs / 1000)} gone, ${left} left`
  );
};

/** The faults by kind. */
export const renderFaults = ({ faults }: Tally): string =>
  Object.entries(faults)
    .toSorted(([, a], [, b]) => b - a)
    .map(([kind, count]) => `${kind} ${count}`)
    .join(", ");
