import { eachAtOnce } from "#nervous-system/kernel/each-at-once.ts";
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

// What a model embedded is put soon: a batch that breaks off is not embedded again from its beginning.
const GROUP = { items: 32, bytes: Infinity, bytesOf: (): number => 0 };
const ALL = { ...GROUP, items: Infinity };

/** A memory that is written to: how many vectors of each tenant are made at once, all without it, and what makes the others. */
export type MemoryWriting = Memory & { readonly shares: TokenBuckets | undefined; readonly filler: VectorFiller };

type Shared = { readonly now: readonly MemoryItem[]; readonly later: readonly MemoryItem[] };

/** A tenant's items by when their vectors are made: beyond its share it would be others that wait. */
const byShare = ({ shares }: MemoryWriting, tenant: string, items: readonly MemoryItem[]): Shared => {
  const share = shares?.of(tenant);
  const { now = [], later = [] } = Object.groupBy(items, () =>
    share === undefined || share.take(1) === 0 ? "now" : "later",
  );
  return { now, later };
};

const embedded = async ({ embedder }: MemoryWriting, items: readonly MemoryItem[], signal: AbortSignal) => {
  const vectors = await embedder.embed(
    items.map((item) => item.embedded),
    signal,
  );
  const name = vectorNameOf(embedder);
  return items.map((item, n) => {
    const values = vectors[n];
    return values === undefined ? item : { ...item, vector: { name, values } };
  });
};

const dueLater = (item: MemoryItem): MemoryItem => ({
  ...item,
  properties: { ...item.properties, vector_due: "yes" },
});

const putItems = async ({ client }: Memory, tenant: string, items: readonly MemoryItem[]): Promise<void> => {
  const byKind = [...Map.groupBy(items, ({ kind }) => kind)];
  await eachAtOnce(byKind, memoryKinds.length, ([kind, objects]) =>
    client.put({ collection: memoryCollections[kind], tenant }, objects),
  );
};

const writeItems = async (
  writing: MemoryWriting,
  tenant: string,
  projections: readonly Projection[],
  signal: AbortSignal,
) => {
  const { client, filler, embedder } = writing;
  const { fresh, changes } = planWrite(projections, await readKnown(client, tenant, projections));
  const { now, later } = byShare(writing, tenant, fresh);
  for (const group of groupsOf(now, embedder.share === undefined ? ALL : GROUP)) {
    signal.throwIfAborted();
    await putItems(writing, tenant, await embedded(writing, group, signal));
  }
  await putItems(writing, tenant, later.map(dueLater));
  if (later.length > 0) filler.owe(tenant);
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
