/** Lets one after another act, each in a turn of the event loop of its own. */
export type Turns = (act: () => void) => void;

/**
 * Creates turns of connections. What is answered at once needs no turn of the event loop by itself: without these, a flood of
 * it would be worked off whole before any other connection is heard.
 */
export const createTurns = (): Turns => {
  const waiting: Array<() => void> = [];
  const next = (): void => {
    const act = waiting[0];
    try {
      act?.();
    } finally {
      waiting.shift();
      if (waiting.length > 0) setImmediate(next);
    }
  };
  return (act) => {
    if (waiting.push(act) === 1) setImmediate(next);
  };
};
