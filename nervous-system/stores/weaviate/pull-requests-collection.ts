import type { CollectionDefinition } from "#nervous-system/stores/weaviate/collection.ts";

/** What the memory knows of a pull request: the places from which it is known, merged and closed, `never` until then. */
export type PullRequestProperties = {
  readonly mission_uid: string;
  readonly known_place: number;
  readonly merged_place: number;
  readonly closed_place: number;
  /** When the stream was created that each of these is of. */
  readonly known_stream: string;
  readonly merged_stream: string;
  readonly closed_stream: string;
};

/** The missions' pull requests: an object each, in the tenant of its namespace. */
export const pullRequestsCollection = {
  name: "PullRequest",
  description: "What became of the pull requests of missions.",
  properties: {
    mission_uid: "exact",
    known_place: "range",
    merged_place: "range",
    closed_place: "range",
    known_stream: "stored",
    merged_stream: "stored",
    closed_stream: "stored",
  },
  tenants: true,
} as const satisfies CollectionDefinition;
