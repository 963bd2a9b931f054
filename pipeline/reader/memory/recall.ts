import type { Condition } from "#nervous-system/stores/weaviate/conditions.ts";
import {
  memoryCollections,
  memoryPropertiesOf,
  vectorNameOf,
  type MemoryKind,
} from "#nervous-system/stores/weaviate/memory-collections.ts";
import type { FoundObject, Search, VectorClient } from "#nervous-system/stores/weaviate/vector-client.ts";
import { EmbedderFailure, type Embedder } from "#pipeline/embedding/embedder.ts";
import { rankByOutcome, readOutcomes, type Outcome } from "./outcomes.ts";

/** What to remember. */
export type RecallQuery = {
  readonly namespace: string;
  /** What it is about, in anybody's words; empty: whatever is about the libraries or files. */
  readonly text: string;
  readonly kind: MemoryKind;
  /** Only what is about one of these libraries or files, where there are any. */
  readonly libraries?: readonly string[];
  readonly files?: readonly string[];
  /** As it was when this place was the stream's last; now without it. */
  readonly asOf?: number;
  readonly limit: number;
};

/** Something remembered. */
type Hit = {
  readonly kind: MemoryKind;
  readonly text: string;
  readonly eventId: string;
  readonly agentUid: string;
  readonly mission: string;
  readonly missionUid: string;
  readonly place: number;
  /** Whether somebody had accepted it then. */
  readonly accepted: boolean;
  /** Event ids that it rests on. */
  readonly sources: readonly string[];
  readonly libraries: readonly string[];
  readonly files: readonly string[];
  /** What had become of its mission's pull requests then; empty where nobody had said. */
  readonly outcome: Outcome;
  /** 0 to 1, the best first, less where its change was closed; 0 where the query has no text. */
  readonly score: number;
};

/** What was found, and why by words only, where no vector could be made of the query. */
export type Recalled = { readonly hits: readonly Hit[]; readonly byWordsOnly?: string };

// Weight of meaning against words, chosen on test/recall/cases/dev.txt. Of what shares few words with what is looked for, words find
// little (docs/reference/recall.md); a name of a function or an error code they find exactly.
const ALPHA = 0.9;

// An embedder reads some hundred words.
const MAX_TEXT = 4_000;
const MOST_SPARE = 20;

const latest = Number.MAX_SAFE_INTEGER - 1;

const conditionsOf = ({ libraries = [], files = [], asOf = latest }: RecallQuery): Condition[] => {
  const about = [
    ...(libraries.length > 0 ? [{ property: "libraries", anyOf: libraries }] : []),
    ...(files.length > 0 ? [{ property: "files", anyOf: files }] : []),
  ];
  return [
    { property: "place", atMost: asOf },
    { property: "retired_place", above: asOf },
    ...(about.length > 0 ? [{ either: about }] : []),
  ];
};

type Unjudged = Omit<Hit, "outcome">;

const hitOf = (kind: MemoryKind, asOf: number, { properties, score }: FoundObject): Unjudged => {
  const found = memoryPropertiesOf(properties);
  const { text, event_id: eventId, agent_uid: agentUid, mission, mission_uid: missionUid, place } = found;
  const { sources, libraries, files } = found;
  const accepted = found.accepted_place <= asOf;
  return { kind, text, eventId, agentUid, mission, missionUid, place, accepted, sources, libraries, files, score };
};

type Meaning = { readonly vector?: NonNullable<Search["vector"]>; readonly byWordsOnly?: string };

const meaningOf = async (embedder: Embedder, text: string, signal: AbortSignal): Promise<Meaning> => {
  try {
    const [values] = await embedder.embed([text], signal);
    return values === undefined ? {} : { vector: { name: vectorNameOf(embedder), values } };
  } catch (error) {
    if (error instanceof EmbedderFailure) return { byWordsOnly: error.message };
    throw error;
  }
};

type Asked = { readonly client: Pick<VectorClient, "hasTenant" | "find" | "search">; readonly embedder: Embedder };

type Found = { readonly objects: readonly FoundObject[]; readonly byWordsOnly?: string };

const find = async ({ client, embedder }: Asked, query: RecallQuery, signal: AbortSignal): Promise<Found> => {
  const shelf = { collection: memoryCollections[query.kind], tenant: query.namespace };
  const conditions = conditionsOf(query);
  const text = query.text.slice(0, MAX_TEXT).toWellFormed();
  // Of those that rank lower for what became of them others may be better than the last.
  const limit = query.limit + Math.min(query.limit, MOST_SPARE);
  if (text.trim() === "") return { objects: await client.find(shelf, conditions, limit) };
  const { vector, byWordsOnly } = await meaningOf(embedder, text, signal);
  const search = { text, property: "text", alpha: ALPHA, conditions, limit };
  const objects = await client.search(shelf, vector === undefined ? search : { ...search, vector });
  return { objects, ...(byWordsOnly === undefined ? {} : { byWordsOnly }) };
};

/** Searches a namespace's memory; one that has none remembers nothing. Rejects with `WeaviateFailure` and the signal's reason. */
export const recall = async (asked: Asked, query: RecallQuery, signal: AbortSignal): Promise<Recalled> => {
  const { namespace, kind, limit, asOf = latest } = query;
  if (!(await asked.client.hasTenant(memoryCollections[kind], namespace))) return { hits: [] };
  const { objects, ...how } = await find(asked, query, signal);
  const found = objects.map((one) => hitOf(kind, asOf, one));
  const missions = found.map(({ missionUid }) => missionUid);
  const outcomes = await readOutcomes(asked.client, { namespace, missions, asOf });
  return { hits: rankByOutcome(found, outcomes).slice(0, limit), ...how };
};
