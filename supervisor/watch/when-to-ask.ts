import { fullJitterMs } from "#nervous-system/kernel/backoff.ts";
import type { WatchedRequest } from "#supervisor/watch/watched-requests.ts";

const minute = 60_000;
const hour = 60 * minute;

/** How long a pull request is watched, milliseconds: 90 days. */
export const watchedForMs = 90 * 24 * hour;
/** Between two requests to forges, whosever they are, milliseconds. */
export const betweenMs = 2_000;

const soonestMs = 5 * minute;
const latestMs = 6 * hour;
const mostDoublings = 8;

/** What is known of asking about one: when it is due, and how often in a row there was no answer. */
export type Asking = { readonly dueMs: number; readonly failures: number };

/**
 * How long to wait between two questions about one, milliseconds: a tenth of its age, since most are merged soon or late, between
 * 5 minutes and 6 hours; after each failure twice as long, and of a closed one as long as it may be.
 */
export const pauseMs = ({ sinceMs, end }: WatchedRequest, failures: number, nowMs: number): number => {
  if (end.value.pullRequest.state === "closed") return latestMs;
  const byAgeMs = Math.max(soonestMs, Math.ceil((nowMs - sinceMs) / 10));
  return Math.min(latestMs, byAgeMs * 2 ** Math.min(failures, mostDoublings));
};

/** How long a forge that does not answer is asked nothing, milliseconds: as long as it asks for, and with growing pauses. */
export const restMs = (failures: number, askedForMs: number, random: () => number): number =>
  Math.max(askedForMs, minute + Math.ceil(fullJitterMs(failures, { baseMs: minute, capMs: hour, random })));

/** One that may be asked about. */
export type Candidate = { readonly name: string; readonly namespace: string; readonly dueMs: number };

/** Which of those that are due is next: of the namespace that was served longest ago, and of these the one due the longest. */
export const chooseNext = (
  due: readonly Candidate[],
  servedAt: (namespace: string) => number,
): Candidate | undefined => {
  let best: Candidate | undefined;
  for (const one of due) {
    if (best === undefined) best = one;
    const turns = servedAt(one.namespace) - servedAt(best.namespace);
    if (turns < 0 || (turns === 0 && one.dueMs < best.dueMs)) best = one;
  }
  return best;
};
