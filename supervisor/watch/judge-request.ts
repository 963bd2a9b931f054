import type { PullRequest } from "#supervisor/forge/forge.ts";
import type { PublishedEnd } from "#supervisor/publish/publication-frame.ts";
import type { WatchedRequest } from "#supervisor/watch/watched-requests.ts";

/** What to tell of a pull request, and whether it may still become something else; undefined where there is no news. */
export type News = { readonly end: PublishedEnd; readonly isLast: boolean };

/**
 * Compares what a forge says with what was told. A merge is the last word; what was closed may be opened again and merged. That it
 * is open again is not told: a state has one event id for ever. URL and number stay those that were published.
 */
export const newsOf = ({ end }: WatchedRequest, { state, mergeCommit }: PullRequest): News | undefined => {
  const { pullRequest } = end.value;
  if (state === "open" || state === pullRequest.state) return undefined;
  const told: PullRequest = { ...pullRequest, state, ...(mergeCommit === undefined ? {} : { mergeCommit }) };
  return { end: { ...end, value: { ...end.value, pullRequest: told } }, isLast: state === "merged" };
};
