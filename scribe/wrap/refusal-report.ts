/** Turns what was refused into ERROR frames, a bounded number of them: a flood of garbage must not become a flood of errors. */
export type RefusalReport = {
  /** The frame to send, or nothing when enough has been said. */
  onRefused(reason: string, line: string): string | undefined;
  /** The last word: how many more were refused than were told one by one. */
  atEnd(): string | undefined;
};

const MAX_TOLD = 20;
const HEAD_CHARS = 200;

const errorFrame = (message: string, head?: string): string =>
  JSON.stringify({
    event_type: "ERROR",
    payload: { message, fatal: false, ...(head === undefined ? {} : { line: head }) },
  });

/** Creates a report that has told nothing yet. */
export const createRefusalReport = (): RefusalReport => {
  let refused = 0;
  return {
    onRefused: (reason, line) => {
      refused += 1;
      return refused <= MAX_TOLD
        ? errorFrame(`a line on FD 3 was refused: ${reason}`, line.slice(0, HEAD_CHARS))
        : undefined;
    },
    atEnd: () => (refused > MAX_TOLD ? errorFrame(`${refused - MAX_TOLD} more lines on FD 3 were refused`) : undefined),
  };
};
