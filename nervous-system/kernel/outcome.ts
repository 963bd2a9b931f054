/** What one reconcile achieved; the kind alone decides whether and when the key is tried again. */
export type Outcome =
  /** The level is reached; look again after `recheckMs` when given. */
  | { kind: "done"; recheckMs?: number }
  /** Someone else must act first (a pod must start, a person must answer); look again after `recheckMs`. */
  | { kind: "waiting"; reason: string; message: string; recheckMs: number }
  /** The user must act: nothing is retried until the object changes. */
  | { kind: "stalled"; reason: string; message: string }
  /** Transient: retried with exponential backoff. */
  | { kind: "failed"; reason: string; error: unknown };

/** Makes a `switch` over a closed set of variants exhaustive: a forgotten variant does not compile. */
export const assertNever = (value: never): never => {
  throw new TypeError(`a variant that no code handles: ${JSON.stringify(value)}`);
};
