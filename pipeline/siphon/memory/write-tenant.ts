import { groupsOf } from "#nervous-system/kernel/groups.ts";
import type { TokenBuckets } from "#nervous-system/kernel/token-bucket.ts";
import { memoryCollections, memoryKinds, vectorNameOf } from "#nervous-system/stores/weaviate/memory-collections.ts";
import {
  pullRequestsCollection,
  type PullRequestProperties,
} from "#nervous-system/stores/weaviate/pull-requests-collection.ts";
import type { VectorFiller } from "#pipeline/siphon/memory/fill-vectors.ts";
import { readKnown } from "#pipeline/siphon/memory/known.ts";
import type { Memory } from "#pipeline/siphon/memory/open-memory.ts";
import { planWrite } from "#pipeline/siphon/memory/plan.ts";
import type { MemoryItem, Projection } from "#pipeline/siphon/memory/project.ts";
import { requestIdOf, requestsAfter } from "#pipeline/siphon/memory/pull-requests.ts";

// What was embedded is put soon: a batch that breaks off is not embedded again from its beginning.
const GROUP = { items: 32, bytes: Infinity, bytesOf: (): number => 0 };

/** A memory that is written to: how many vectors of each tenant are made at once, and what makes the others. */
export type MemoryWriting = Memory & { readonly shares: TokenBuckets; readonly filler: VectorFiller };

/** Those of a tenant's items whose vectors are made at once; beyond its share it would be others that wait. */
const withinShare = ({ shares }: MemoryWriting, tenant: string, items: readonly MemoryItem[]): MemoryItem[] => {
  const share = shares.of(tenant);
  return items.filter(() => share.take(1) === 0);
};

const objectsOf = async (writing: MemoryWriting, tenant: string, items: readonly MemoryItem[], signal: AbortSignal) => {
  const { embedder, filler } = writing;
  const now = withinShare(writing, tenant, items);
  if (now.length < items.length) filler.owe(tenant);
  const texts = now.map(({ embedded }) => embedded);
  const vectors = texts.length === 0 ? [] : await embedder.embed(texts, signal);
  const name = vectorNameOf(embedder);
  const byItem = new Map(now.map((item, n) => [item, vectors[n]]));
  return items.map((item) => {
    const values = byItem.get(item);
    return values === undefined
      ? { ...item, properties: { ...item.properties, vector_due: "yes" as const } }
      : { ...item, vector: { name, values } };
  });
};

const putGroup = async (writing: MemoryWriting, tenant: string, items: readonly MemoryItem[], signal: AbortSignal) => {
  const all = await objectsOf(writing, tenant, items, signal);
  for (const kind of memoryKinds) {
    const objects = all.filter((one) => one.kind === kind);
    if (objects.length > 0) await writing.client.put({ collection: memoryCollections[kind], tenant }, objects);
  }
};

const writeItems = async (
  writing: MemoryWriting,
  tenant: string,
  projections: readonly Projection[],
  signal: AbortSignal,
) => {
  const { client } = writing;
  const { fresh, changes } = planWrite(projections, await readKnown(client, tenant, projections));
  for (const group of groupsOf(fresh, GROUP)) {
    signal.throwIfAborted();
    await putGroup(writing, tenant, group, signal);
  }
  const lessons = { collection: memoryCollections.lesson, tenant };
  for (const [id, properties] of changes) {
    signal.throwIfAborted();
    await client.change(lessons, id, properties);
  }
};

const writeRequests = async ({ client }: Memory, tenant: string, projections: readonly Projection[]) => {
  const words = projections.flatMap(({ request }) => request ?? []);
  if (words.length === 0) return;
  const shelf = { collection: pullRequestsCollection.name, tenant };
  const ids = [...new Set(words.map(({ said }) => requestIdOf(said)))];
  const known = await client.find(shelf, [{ idIn: ids }], ids.length);
  const byId = new Map(known.map(({ id, properties }) => [id, properties as PullRequestProperties]));
  const changed = [...requestsAfter(byId, words)].map(([id, properties]) => ({ id, properties }));
  if (changed.length > 0) await client.put(shelf, changed);
};

/** Writes what a tenant's projections come to, in the stream's order. Rejects as the store, the embedder and the signal do. */
export const writeTenant = async (
  writing: MemoryWriting,
  tenant: string,
  projections: readonly Projection[],
  signal: AbortSignal,
): Promise<void> => {
  await writeItems(writing, tenant, projections, signal);
  await writeRequests(writing, tenant, projections);
};
