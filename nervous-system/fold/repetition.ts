/** A row of things done, as far as patterns in it can still come again: of one size, however long it gets. */
export type Row = {
  /** The last ones, the newest first. */
  readonly last: readonly string[];
  /** For each length of a pattern, from 1: how many in a row were each what stood so far before it. */
  readonly again: readonly number[];
};

/** A pattern at the end of a row, and how often it came there. */
export type Pattern = { readonly length: number; readonly times: number };

/** A row in which nothing was done. */
export const emptyRow: Row = { last: [], again: [] };

/** The row after one more thing was done, remembered for patterns of at most `longest` things. */
export const rowAfter = ({ last, again }: Row, done: string, longest: number): Row => ({
  last: [done, ...last].slice(0, longest),
  again: Array.from({ length: longest }, (_, back) => (last[back] === done ? (again[back] ?? 0) + 1 : 0)),
});

/** The pattern that came most often at the end of a row, the shortest of them. */
export const patternOf = ({ last, again }: Row): Pattern => {
  let found: Pattern = { length: 1, times: last.length === 0 ? 0 : 1 };
  for (const [back, same] of again.entries()) {
    const length = back + 1;
    const times = Math.floor(same / length) + 1;
    if (times > found.times) found = { length, times };
  }
  return found;
};
