import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  memoryCollections,
  memoryDefinitions,
  never,
  vectorNameOf,
  type MemoryProperties,
} from "#nervous-system/stores/weaviate/memory-collections.ts";
import { objectIdOf } from "#nervous-system/stores/weaviate/object-id.ts";
import { createVectorClient } from "#nervous-system/stores/weaviate/vector-client.ts";
import type { Embedder } from "#pipeline/embedding/embedder.ts";
import { recall } from "#pipeline/reader/memory/recall.ts";
import { startWeaviate } from "#platform/stores/weaviate.ts";
import type { Score } from "./measure.ts";

const { signal } = new AbortController();
const namespace = "recall";

const lessonOf = (text: string, place: number): MemoryProperties => ({
  text,
  fingerprint: "",
  hash: "",
  event_id: String(place),
  agent_uid: "",
  epoch: 1,
  seq: place,
  mission_uid: "",
  mission: "",
  observed: "0",
  libraries: [],
  files: [],
  sources: [],
  place,
  accepted_place: never,
  retired_place: never,
  stream: "",
  told_events: [],
  told_at: [],
  marks: [],
  vector_due: "no",
});

/** A search as agents have it, by meaning and words, in a Weaviate of its own; `close` ends that. */
export const startRecall = async (
  embedder: Embedder,
  texts: readonly string[],
): Promise<{ readonly score: Score; close(): Promise<void> }> => {
  const dir = await mkdtemp(join(tmpdir(), "enchanted-recall-"));
  const server = await startWeaviate({ dir });
  const client = createVectorClient(server);
  const name = vectorNameOf(embedder);
  for (const wanted of memoryDefinitions(name)) await client.ensureCollection(wanted);
  await client.ensureTenants(memoryCollections.lesson, [namespace]);
  const vectors = await embedder.embed(texts, signal);
  const objects = texts.map((text, place) => ({
    id: objectIdOf(place),
    properties: lessonOf(text, place),
    vector: { name, values: vectors[place] ?? new Float32Array() },
  }));
  await client.put({ collection: memoryCollections.lesson, tenant: namespace }, objects);
  const score: Score = async (text) => {
    const query = { namespace, kind: "lesson", text, limit: texts.length } as const;
    const { hits } = await recall({ client, embedder }, query, signal);
    const byPlace = new Map(hits.map(({ place, score: own }) => [place, own]));
    return texts.map((_, place) => byPlace.get(place) ?? -1);
  };
  return {
    score,
    close: async () => {
      await client.close();
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
};
