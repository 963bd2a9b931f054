/** Lets work in while all that is at work weighs no more than `total`, in the order of asking; a heavier one works alone. */
export type Turnstile = <T>(weight: number, work: () => Promise<T>) => Promise<T>;

/** Creates a turnstile that nobody has passed. */
export const createTurnstile = (total: number): Turnstile => {
  const waiting: Array<{ readonly weight: number; readonly enter: () => void }> = [];
  let inside = 0;
  const admit = (): void => {
    for (let [first] = waiting; first !== undefined; [first] = waiting) {
      if (inside > 0 && inside + first.weight > total) return;
      inside += first.weight;
      waiting.shift();
      first.enter();
    }
  };
  return async (weight, work) => {
    await new Promise<void>((enter) => {
      waiting.push({ weight, enter });
      admit();
    });
    try {
      return await work();
    } finally {
      inside -= weight;
      admit();
    }
  };
};
