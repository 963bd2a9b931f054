import type { Contestant, Figure, Reading, Staged } from "./bench.ts";
import { summarize, type Summary } from "./statistics.ts";

/** What became of a figure over all runs. */
export type Outcome = Omit<Figure, "ours" | "peer"> & {
  readonly oursName: string;
  readonly peerName: string;
  readonly ours: Summary;
  readonly peer: Summary;
  /** Ours through the peer's, run by run. */
  readonly ratio: Summary;
};

/** Every reading of every contestant, in the order of the runs. */
export type Readings = Readonly<Record<string, readonly Reading[]>>;

const settle = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** One round: everyone once; each round begins with another contestant, so that none always follows the same one. */
const round = async (contestants: readonly Contestant[], start: number): Promise<Map<string, Reading>> => {
  const readings = new Map<string, Reading>();
  for (let i = 0; i < contestants.length; i += 1) {
    const contestant = contestants[(start + i) % contestants.length] as Contestant;
    readings.set(contestant.name, await contestant.measure());
    await settle(200); // what one leaves behind (dirty pages, sockets that close) does not fall on the next
  }
  return readings;
};

/** Runs a warm-up round that does not count, then `runs` rounds in which all contestants take turns. */
export const conduct = async (
  { contestants }: Staged,
  runs: number,
  note: (text: string) => void,
): Promise<Readings> => {
  await round(contestants, 0);
  const all: Record<string, Reading[]> = Object.fromEntries(contestants.map(({ name }) => [name, []]));
  for (let i = 0; i < runs; i += 1) {
    note(`run ${i + 1} of ${runs}`);
    for (const [name, reading] of await round(contestants, i)) all[name]?.push(reading);
  }
  return all;
};

const valuesOf = (readings: Readings, [contestant, metric]: Figure["ours"]): number[] => {
  const values = (readings[contestant] ?? []).map((reading) => reading[metric] ?? Number.NaN);
  if (values.length === 0 || values.some(Number.isNaN)) throw new Error(`${contestant} did not read ${metric}`);
  return values;
};

/** Compares the two sides of a figure, run by run. */
export const outcomeOf = (figure: Figure, readings: Readings): Outcome => {
  const [ours, peer] = [valuesOf(readings, figure.ours), valuesOf(readings, figure.peer)];
  return {
    ...figure,
    oursName: figure.ours[0],
    peerName: figure.peer[0],
    ours: summarize(ours),
    peer: summarize(peer),
    ratio: summarize(ours.map((value, index) => value / (peer[index] as number))),
  };
};
