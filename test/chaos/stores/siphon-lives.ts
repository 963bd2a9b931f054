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

/** Counts the life that is about to end: which sinks it has written to, by its own metrics. */
export const addLife = async (lives: Lives, healthPort: number): Promise<Lives> => {
  const url = `http://127.0.0.1:${healthPort}/metrics`;
  const asked = fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) }).then((answer) => answer.text());
  const counted: Record<string, number> = { ...lives };
  for (const sink of writingSinks(await asked.catch(() => ""))) counted[sink] = (counted[sink] ?? 0) + 1;
  return counted;
};
