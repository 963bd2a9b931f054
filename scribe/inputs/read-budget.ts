/** How much may be under way before its sources are no longer read. */
export type ReadBudget = {
  /** Counts bytes taken; `release` gives them back. */
  take(bytes: number): void;
  release(bytes: number): void;
  isSpent(): boolean;
  /** Calls `resume` once there is room again. */
  whenRoom(resume: () => void): void;
};

/** Creates a budget of `limitBytes`, shared by all connections, so that many of them hold no more memory than one. */
export const createReadBudget = (limitBytes: number): ReadBudget => {
  const waiting = new Set<() => void>();
  let taken = 0;
  return {
    take: (bytes) => {
      taken += bytes;
    },
    release: (bytes) => {
      taken -= bytes;
      if (taken >= limitBytes) return;
      const resumed = [...waiting];
      waiting.clear();
      for (const resume of resumed) resume();
    },
    isSpent: () => taken >= limitBytes,
    whenRoom: (resume) => void waiting.add(resume),
  };
};
