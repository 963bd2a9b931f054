import type { Clock } from "#nervous-system/kernel/clock.ts";

/** How long something may take, and whose end ends it. */
export type Limit = { readonly clock: Pick<Clock, "after">; readonly limitMs: number; readonly signal: AbortSignal };

/** Runs `work` with a signal that aborts with the caller's, or once the time is over. */
export const within = async <T>(
  { clock, limitMs, signal }: Limit,
  work: (own: AbortSignal) => Promise<T>,
): Promise<T> => {
  signal.throwIfAborted();
  const own = new AbortController();
  const abort = (): void => own.abort(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  const cancel = clock.after(limitMs, () => own.abort(new Error(`no answer within ${limitMs} ms`)));
  try {
    return await work(own.signal);
  } finally {
    cancel();
    signal.removeEventListener("abort", abort);
  }
};
