/** How far a stream may be acknowledged while several of its messages are at work: up to the oldest that is unfinished. */
export type AckMark = {
  /** A message was taken; sequence numbers rise. */
  begin(seq: number): void;
  /** A message is finished; answers how far everything is, where that is further than before. */
  finish(seq: number): number | undefined;
};

/** Creates the mark of one reader. */
export const createAckMark = (): AckMark => {
  const taken: number[] = [];
  const finished = new Set<number>();
  return {
    begin: (seq) => {
      taken.push(seq);
    },
    finish: (seq) => {
      finished.add(seq);
      let through: number | undefined;
      for (let first = taken[0]; first !== undefined && finished.has(first); first = taken[0]) {
        taken.shift();
        finished.delete(first);
        through = first;
      }
      return through;
    },
  };
};
