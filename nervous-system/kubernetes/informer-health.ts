import type { Informer } from "./informer.ts";
import { resourceName } from "./resource-kind.ts";

// Every watch tells something or is replaced within 30 s; twice that means that this kind is not being followed.
const MAX_SILENCE_MS = 60_000;

/** Sentences that say which kinds are not being followed, so that what a cache says of them may be long past. */
export const unfollowed = (
  informers: readonly Pick<Informer, "kind" | "hasSynced" | "silenceMs">[],
): readonly string[] =>
  informers.flatMap((informer) => {
    const resource = resourceName(informer.kind);
    if (!informer.hasSynced()) return [`the cache of ${resource} is not filled yet`];
    const silenceMs = informer.silenceMs();
    return silenceMs > MAX_SILENCE_MS
      ? [`nothing heard from the API server about ${resource} for ${Math.round(silenceMs / 1000)} s`]
      : [];
  });
