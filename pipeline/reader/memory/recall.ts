import type { Condition } from "#nervous-system/stores/weaviate/conditions.ts";
import {
  memoryCollections,
  vectorNameOf,
  type MemoryKind,
  type MemoryProperties,
} from "#nervous-system/stores/weaviate/memory-collections.ts";
import type { FoundObject, Search, VectorClient } from "#nervous-system/stores/weaviate/vector-client.ts";
import { EmbedderFailure, type Embedder } from "#pipeline/embedding/embedder.ts";

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
  /** 0 to 1, the best first; 0 where the query has no text. */
  readonly score: number;
};

/** What was found, and why by words only, where no vector could be made of the query. */
export type Recalled = { readonly hits: readonly Hit[]; readonly byWordsOnly?: string };

// Weight of meaning against words, chosen on test/recall/cases/dev.txt. Of what shares few words with what is looked for, words find
// little (docs/reference/recall.md); a name of a function or an error code they find exactly.
const ALPHA = 0.9;

// An embedder reads some hundred words.
const MAX_TEXT = 4_000;

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

const hitOf = (kind: MemoryKind, asOf: number, { properties, score }: FoundObject): Hit => {
  const found = properties as MemoryProperties;
  const { text, event_id: eventId, agent_uid: agentUid, mission, mission_uid: missionUid, place } = found;
  // An empty list comes back as none.
  const { sources = [], libraries = [], files = [] } = found as Partial<MemoryProperties>;
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

/** Searches a namespace's memory; one that has none remembers nothing. Rejects with `WeaviateFailure` and the signal's reason. */
export const recall = async (
  {
    client,
    embedder,
  }: { readonly client: Pick<VectorClient, "hasTenant" | "find" | "search">; readonly embedder: Embedder },
  query: RecallQuery,
  signal: AbortSignal,
): Promise<Recalled> => {
  const { namespace, kind, limit, asOf = latest } = query;
  const collection = memoryCollections[kind];
  const shelf = { collection, tenant: namespace };
  if (!(await client.hasTenant(collection, namespace))) return { hits: [] };
  const conditions = conditionsOf(query);
  const text = query.text.slice(0, MAX_TEXT).toWellFormed();
  if (text.trim() === "") {
    const found = await client.find(shelf, conditions, limit);
    return { hits: found.map((one) => hitOf(kind, asOf, one)) };
  }
  const { vector, byWordsOnly } = await meaningOf(embedder, text, signal);
  const search = { text, property: "text", alpha: ALPHA, conditions, limit };
  const found = await client.search(shelf, vector === undefined ? search : { ...search, vector });
  return {
    hits: found.map((one) => hitOf(kind, asOf, one)),
    ...(byWordsOnly === undefined ? {} : { byWordsOnly }),
  };
};
