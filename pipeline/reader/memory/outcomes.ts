import {
  pullRequestsCollection,
  type PullRequestProperties,
} from "#nervous-system/stores/weaviate/pull-requests-collection.ts";
import type { VectorClient } from "#nervous-system/stores/weaviate/vector-client.ts";
import { WeaviateFailure } from "#nervous-system/stores/weaviate/weaviate-failure.ts";

/** What became of a mission's pull requests: one was merged, all were closed without; empty where neither is known. */
export type Outcome = "merged" | "closed" | "";

type Asked = { readonly namespace: string; readonly missions: readonly string[]; readonly asOf: number };

/** A mission has one of each agent and a few more; of a thousand missions' these are enough. */
const MOST_FOUND = 2_000;

const outcomeOf = (requests: readonly PullRequestProperties[], asOf: number): Outcome => {
  if (requests.some(({ merged_place: place }) => place <= asOf)) return "merged";
  return requests.every(({ closed_place: place }) => place <= asOf) ? "closed" : "";
};

/**
 * What had become of missions when `asOf` was the stream's last place, by their UIDs; of others nothing is known. A memory that no
 * siphon of this version has written to knows none: that is no reason to find nothing.
 */
export const readOutcomes = async (
  client: Pick<VectorClient, "find">,
  { namespace, missions, asOf }: Asked,
): Promise<ReadonlyMap<string, Outcome>> => {
  if (missions.length === 0) return new Map();
  const shelf = { collection: pullRequestsCollection.name, tenant: namespace };
  const wanted = [
    { property: "mission_uid", anyOf: [...new Set(missions)] },
    { property: "known_place", atMost: asOf },
  ];
  try {
    const found = await client.find(shelf, wanted, MOST_FOUND);
    const requests = found.map(({ properties }) => properties as PullRequestProperties);
    const byMission = Map.groupBy(requests, ({ mission_uid: uid }) => uid);
    return new Map([...byMission].map(([uid, own]) => [uid, outcomeOf(own, asOf)]));
  } catch (error) {
    if (error instanceof WeaviateFailure) return new Map();
    throw error;
  }
};

// What was closed was refused by people: it ranks behind what fits about as well, and may still be what somebody looks for.
const CLOSED_WEIGHT = 0.7;

/** What was found with its outcomes, the best first; among equals in the order that it was found in. */
export const rankByOutcome = <H extends { readonly missionUid: string; readonly score: number }>(
  found: readonly H[],
  outcomes: ReadonlyMap<string, Outcome>,
): Array<H & { readonly outcome: Outcome }> =>
  found
    .map((hit) => {
      const outcome = outcomes.get(hit.missionUid) ?? "";
      return { ...hit, outcome, score: outcome === "closed" ? hit.score * CLOSED_WEIGHT : hit.score };
    })
    .toSorted((a, b) => b.score - a.score || Number(a.outcome === "closed") - Number(b.outcome === "closed"));
