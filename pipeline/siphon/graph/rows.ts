import type { Projected } from "#pipeline/siphon/graph/model.ts";

/** The first of each key, in their order. */
export const firstOfEach = <T extends { readonly key: string }>(rows: readonly T[]): T[] => {
  const first = new Map<string, T>();
  for (const row of rows) if (!first.has(row.key)) first.set(row.key, row);
  return [...first.values()];
};

/** What an edge says of the frame that it follows from. */
export const stampOnEdge = ({ event: { key, stamp } }: Pick<Projected, "event">): object => ({ event: key, ...stamp });

/** The frames whose node has a label. */
export const labelled = (
  frames: readonly Projected[],
  label: Projected["event"]["labels"][number],
): readonly Projected[] => frames.filter(({ event }) => event.labels.includes(label));
