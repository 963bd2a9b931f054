/** The promise's result, or a rejection with the signal's reason when that aborts first; the promise may then still fail unheard. */
export const untilAborted = async <T>(promise: Promise<T>, signal: AbortSignal): Promise<T> => {
  const aborted = Promise.withResolvers<never>();
  const heard = (): void => aborted.reject(signal.reason);
  if (signal.aborted) heard();
  signal.addEventListener("abort", heard, { once: true });
  aborted.promise.catch(() => {});
  promise.catch(() => {});
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", heard);
  }
};
