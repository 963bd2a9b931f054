/** Something that changes, and that others wait for. */
export type Condition = {
  /** Wakes all that wait. */
  notify(): void;
  /** Resolves at the next `notify`, or rejects with the signal's reason. */
  wait(signal: AbortSignal): Promise<void>;
};

/** Creates a condition; who waits looks at the state itself, before and after. */
export const createCondition = (): Condition => {
  const waiting = new Set<() => void>();
  return {
    notify: () => {
      for (const wake of waiting) wake();
      waiting.clear();
    },
    wait: (signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        const onAbort = (): void => {
          waiting.delete(wake);
          reject(signal.reason);
        };
        const wake = (): void => {
          signal.removeEventListener("abort", onAbort);
          resolve();
        };
        waiting.add(wake);
        signal.addEventListener("abort", onAbort, { once: true });
      }),
  };
};
