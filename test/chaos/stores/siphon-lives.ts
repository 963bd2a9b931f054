import type { Clock } from "#nervous-system/kernel/clock.ts";

/** How many of the siphon's lives had written to a sink's store when they were ended, by the sink's name. */
export type Lives = Readonly<Record<string, number>>;

/** Before the first one. */
export const noLives: Lives = {};

// A life that does not answer within this has no figures.
const PATIENCE_MS = 500;

const writingSinks = (metrics: string): string[] =>
  [...metrics.matchAll(/^enchanted_sink_frames_total\{sink="(\w+)"\} (\d+)/gm)].flatMap(([, sink = "", frames]) =>
    Number(frames) > 0 ? [sink] : [],
  );

/** Sinks to whose stores this life has written, by its own metrics; none where it does not answer. */
const sinksOf = async (healthPort: number): Promise<readonly string[]> => {
  const url = `http://127.0.0.1:${healthPort}/metrics`;
  const asked = fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) }).then((answer) => answer.text());
  return writingSinks(await asked.catch(() => ""));
};

/** Counts the life that is about to end. */
export const addLife = async (lives: Lives, healthPort: number): Promise<Lives> => {
  const counted: Record<string, number> = { ...lives };
  for (const sink of await sinksOf(healthPort)) counted[sink] = (counted[sink] ?? 0) + 1;
  return counted;
};

// On a busy machine it takes seconds to start; a store that is away, longer.
const WORK_MS = 10_000;

/** Waits until this life has written to a store, or for ten seconds. */
export const untilItWrites = async (healthPort: number, clock: Pick<Clock, "monotonicMs" | "sleep">): Promise<void> => {
  const end = clock.monotonicMs() + WORK_MS;
  while ((await sinksOf(healthPort)).length === 0 && clock.monotonicMs() < end) await clock.sleep(50);
};
