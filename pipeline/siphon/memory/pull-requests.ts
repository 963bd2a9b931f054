import { never } from "#nervous-system/stores/weaviate/memory-collections.ts";
import { objectIdOf } from "#nervous-system/stores/weaviate/object-id.ts";
import type { PullRequestProperties } from "#nervous-system/stores/weaviate/pull-requests-collection.ts";
import { isBefore, type Moment } from "#pipeline/siphon/moment.ts";

/** What a frame says of a pull request, and when. */
export type PullRequestWord = {
  readonly said: {
    readonly missionUid: string;
    readonly url: string;
    readonly state: "open" | "merged" | "closed";
  };
  readonly at: Moment;
};

/** The object of a pull request, which keeps nothing of its address. */
export const requestIdOf = ({ missionUid, url }: PullRequestWord["said"]): string =>
  objectIdOf("pull request", missionUid, url);

const unknown = ({ missionUid }: PullRequestWord["said"]): PullRequestProperties => ({
  mission_uid: missionUid,
  known_place: never,
  merged_place: never,
  closed_place: never,
  known_stream: "",
  merged_stream: "",
  closed_stream: "",
});

type Which = "known" | "merged" | "closed";

const earliest = (before: PullRequestProperties, which: Which, at: Moment): Partial<PullRequestProperties> => {
  const place = before[`${which}_place`];
  const isEarlier = place === never || isBefore(at, { stream: before[`${which}_stream`], place });
  return isEarlier ? { [`${which}_place`]: at.place, [`${which}_stream`]: at.stream } : {};
};

/** Pull requests after some words about them, by the ids of their objects: those only that changed. */
export const requestsAfter = (
  known: ReadonlyMap<string, PullRequestProperties>,
  words: readonly PullRequestWord[],
): Map<string, PullRequestProperties> => {
  const after = new Map<string, PullRequestProperties>();
  for (const { said, at } of words) {
    const id = requestIdOf(said);
    const before = after.get(id) ?? known.get(id) ?? unknown(said);
    const told = said.state === "open" ? {} : earliest(before, said.state, at);
    const changes = { ...earliest(before, "known", at), ...told };
    if (Object.keys(changes).length > 0) after.set(id, { ...before, ...changes });
  }
  return after;
};
