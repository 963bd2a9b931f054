/** Lets so many pass at a time; the others wait in order. */
export type Slots = { readonly take: () => Promise<() => void> };

/** Creates a limit of concurrent work. */
export const createSlots = (count: number): Slots => {
  let free = count;
  const queue: (() => void)[] = [];
  const release = (): void => {
    const next = queue.shift();
    if (next === undefined) free += 1;
    else next();
  };
  return {
    take: async () => {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => queue.push(resolve));
      let held = true;
      return () => {
        if (held) release();
        held = false;
      };
    },
  };
};
