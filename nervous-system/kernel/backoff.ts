/** How delays grow: `baseMs` doubled per attempt up to `capMs`, then spread over the whole interval. */
export type BackoffOptions = {
  baseMs: number;
  capMs: number;
  /** Uniform in [0, 1): injected, so that tests decide the jitter. */
  random: () => number;
};

// 2 ** 52 is past every cap and still exact; an exponent without bound would end in Infinity and then NaN.
const MAX_EXPONENT = 52;

/**
 * Delay in milliseconds before attempt `attempt + 1` (0 = first retry), uniform in [0, min(cap, base × 2^attempt)):
 * full jitter, because clients that failed together must not return together.
 */
export const fullJitterMs = (attempt: number, { baseMs, capMs, random }: BackoffOptions): number =>
  random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt, MAX_EXPONENT));

/** Backoff that remembers how often each key has failed. */
export type KeyedBackoff<K> = {
  /** Counts one more failure of the key and answers how long to wait, in milliseconds. */
  next(key: K): number;
  /** Failures of the key since it was last forgotten. */
  failures(key: K): number;
  /** The key succeeded: its next failure starts from the base again, and its memory is freed. */
  forget(key: K): void;
};

/** Creates a per-key backoff; it holds memory only for keys that failed and were not forgotten. */
export const createKeyedBackoff = <K>(options: BackoffOptions): KeyedBackoff<K> => {
  const failures = new Map<K, number>();
  return {
    next: (key) => {
      const attempt = failures.get(key) ?? 0;
      failures.set(key, attempt + 1);
      return fullJitterMs(attempt, options);
    },
    failures: (key) => failures.get(key) ?? 0,
    forget: (key) => {
      failures.delete(key);
    },
  };
};
