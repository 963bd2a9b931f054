import { assertNever } from "#nervous-system/kernel/outcome.ts";
import { isApiError, isExpired } from "#nervous-system/kubernetes/errors.ts";

/** Where a reflector stands: it must list, or it can watch from a resourceVersion. */
export type ReflectorPosition = { kind: "list" } | { kind: "watch"; resourceVersion: string };

/** How the last list or watch ended. */
export type ReflectorEnd =
  | { kind: "listed"; resourceVersion: string }
  /** The server ended the watch in good order; `productive` when it told anything or lasted at least a second. */
  | { kind: "watchEnded"; resourceVersion: string; productive: boolean }
  /** An error, either of the request or told inside the watch as an ERROR event. */
  | { kind: "failed"; resourceVersion: string | undefined; error: unknown; productive: boolean };

/** What to do next, and after which pause. */
export type ReflectorStep = {
  position: ReflectorPosition;
  /** `none`: at once. `backoff`: after the jittered backoff, and `atLeastMs` before it. */
  pause: "none" | "backoff";
  atLeastMs: number;
  /** Whether earlier failures no longer count. A list alone proves nothing: its watch may be refused each time. */
  forget: boolean;
};

// A refusal other than shedding load or an internal fault will not pass by repeating the same watch: a list shows whether
// the kind, the right or the selector is gone, and repairs the cache when it is not.
const isTransient = (error: unknown): boolean =>
  !isApiError(error) || error.code === 429 || (error.code >= 500 && error.code !== 501);

const LIST: ReflectorPosition = { kind: "list" };
const watchFrom = (resourceVersion: string): ReflectorPosition => ({ kind: "watch", resourceVersion });

const afterFailure = ({ error, resourceVersion, productive }: ReflectorEnd & { kind: "failed" }): ReflectorStep => {
  if (isExpired(error)) {
    return { position: LIST, pause: productive ? "none" : "backoff", atLeastMs: 0, forget: productive };
  }
  const canWatchOn = resourceVersion !== undefined && isTransient(error);
  return {
    position: canWatchOn ? watchFrom(resourceVersion) : LIST,
    pause: "backoff",
    atLeastMs: (isApiError(error) ? error.retryAfterMs : undefined) ?? 0,
    forget: productive,
  };
};

/*
 *           listed                       ended (the bookmark is fresh), connection lost, 429, 5xx
 *   list ───────────> watch(from rv) ────────────────────────────────────────────────> watch(from last rv)
 *     ^ │ failed: backoff   │ 410 at connect or as ERROR event: at once if the watch was productive
 *     └─┴───────────────────┘ any other refusal: backoff
 */
/** Decides the next step of list-and-watch. Pure. */
export const decideReflectorStep = (end: ReflectorEnd): ReflectorStep => {
  switch (end.kind) {
    case "listed":
      return { position: watchFrom(end.resourceVersion), pause: "none", atLeastMs: 0, forget: false };
    case "watchEnded": {
      // A server that ends every watch at once must not be asked in a tight loop.
      const pause = end.productive ? "none" : "backoff";
      return { position: watchFrom(end.resourceVersion), pause, atLeastMs: 0, forget: end.productive };
    }
    case "failed":
      return afterFailure(end);
    default:
      return assertNever(end);
  }
};
