import { createKeyedSemaphore, createSemaphore } from "#nervous-system/kernel/semaphore.ts";

/** How much of one thing may be held: by one caller, and by all of them. */
export type CallLimits = {
  readonly callsPerCaller: number;
  readonly bytesPerCaller: number;
  readonly bytes: number;
};

/** Bounds model calls, so that no caller takes the memory of all. */
export type CallLimiter = {
  /** Lets a call in; answers how it leaves, or whose share is used up: the caller's own, or everybody's. */
  enter(caller: string, bytes: number): (() => void) | "yours" | "everybody's";
};

/** Creates the limiter of one gateway; a caller's only call is never too large for its own share. */
export const createCallLimiter = (limits: CallLimits): CallLimiter => {
  const calls = createKeyedSemaphore(limits.callsPerCaller);
  const own = createKeyedSemaphore(limits.bytesPerCaller);
  const all = createSemaphore(limits.bytes);
  return {
    enter: (caller, bytes) => {
      if (!calls.tryAcquire(caller, 1)) return "yours";
      const fitsOwn = own.tryAcquire(caller, bytes);
      if (fitsOwn && all.tryAcquire(bytes))
        return () => {
          calls.release(caller, 1);
          own.release(caller, bytes);
          all.release(bytes);
        };
      calls.release(caller, 1);
      if (fitsOwn) own.release(caller, bytes);
      return fitsOwn ? "everybody's" : "yours";
    },
  };
};
