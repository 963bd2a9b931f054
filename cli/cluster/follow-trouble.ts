import type { Clock } from "#nervous-system/kernel/clock.ts";
import { isApiError } from "#nervous-system/kubernetes/errors.ts";
import type { ReflectorEnd } from "#nervous-system/kubernetes/reflector-decision.ts";

/** Who hears of trouble while a cluster is followed. */
export type TroubleHearing = {
  readonly clock: Pick<Clock, "monotonicMs">;
  /** The cluster refuses for good: who asks must have other rights. */
  readonly refused: (error: unknown) => void;
  /** It has failed for a while, and is tried again. */
  readonly lasts: (why: string) => void;
};

// A server that is replaced is away for less.
const LASTING_MS = 5_000;

const isRefusal = (error: unknown): boolean => isApiError(error) && (error.code === 401 || error.code === 403);

/** Listens to how lists and watches end: a list that is refused is told at once, what else fails on and on once until it is well again. */
export const hearTrouble = ({ clock, refused, lasts }: TroubleHearing): ((end: ReflectorEnd) => void) => {
  let sinceMs: number | undefined;
  let isTold = false;
  return (end) => {
    if (end.kind !== "failed") {
      sinceMs = undefined;
      isTold = false;
      return;
    }
    // Without the right to watch, lists tell all the same.
    if (end.resourceVersion === undefined && isRefusal(end.error)) return refused(end.error);
    sinceMs ??= clock.monotonicMs();
    if (isTold || clock.monotonicMs() - sinceMs < LASTING_MS) return;
    isTold = true;
    lasts(end.error instanceof Error ? end.error.message : String(end.error));
  };
};
