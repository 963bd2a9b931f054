import { eachAtOnce } from "#nervous-system/kernel/each-at-once.ts";
import { createTokenBuckets, type Rate } from "#nervous-system/kernel/token-bucket.ts";
import {
  memoryCollections,
  memoryDefinitions,
  memoryPropertiesOf,
  vectorNameOf,
} from "#nervous-system/stores/weaviate/memory-collections.ts";
import { pullRequestsCollection } from "#nervous-system/stores/weaviate/pull-requests-collection.ts";
import type { VectorClient } from "#nervous-system/stores/weaviate/vector-client.ts";
import { WeaviateFailure } from "#nervous-system/stores/weaviate/weaviate-failure.ts";
import { EmbedderFailure } from "#pipeline/embedding/embedder.ts";
import { cutObject, cutsCollection, cutsOf } from "#pipeline/siphon/memory/cuts.ts";
import { createVectorFiller, type FillerOptions } from "#pipeline/siphon/memory/fill-vectors.ts";
import { closeMemory, memorySettings, openMemory, type Memory } from "#pipeline/siphon/memory/open-memory.ts";
import { createErasedKeys, erasedCollection } from "#pipeline/siphon/memory/erased-keys.ts";
import { createKeptTest, erasedKeysOf, findErased, type ErasedKeys } from "#pipeline/siphon/erased-frames.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { Erasure } from "#pipeline/siphon/erasures.ts";
import { idOfFrame, projectFrame, type Projection } from "#pipeline/siphon/memory/project.ts";
import { writeTenant, type MemoryWriting } from "#pipeline/siphon/memory/write-tenant.ts";
import type { Batch, EraseResult, Sink, SinkKind, SinkResult } from "#pipeline/siphon/sink.ts";

const SINK = "memory";
/** What the sink keeps for itself. */
const ownCollections = [cutsCollection.name, erasedCollection.name];
/** Each with a part for each tenant. */
const collections = [...Object.values(memoryCollections), pullRequestsCollection.name];

type Projected = { readonly frame: StoredFrame; readonly projection: Projection };

/** What frames of a batch give, in its order: neither those that give nothing nor those that were ordered to be erased. */
const projectBatch = async (erased: ErasedKeys, { cut, frames }: Batch): Promise<Projected[]> => {
  const projected = frames
    .map((frame) => ({ frame, projection: projectFrame(frame, cut.stream) }))
    .filter(({ projection }) => Object.keys(projection).length > 0);
  const gone = await findErased(
    erased,
    frames,
    projected.map(({ frame }) => frame),
  );
  return projected.filter(({ frame }) => !gone.has(frame));
};

/** Each tenant's projections, in the stream's order. */
const byTenant = (projected: readonly Projected[]): Map<string, Projection[]> => {
  const tenants = Map.groupBy(projected, ({ frame }) => frame.envelope.namespace);
  return new Map([...tenants].map(([tenant, own]) => [tenant, own.map(({ projection }) => projection)]));
};

// Far below what Weaviate answers at once, and what a filter may hold.
const IDS_AT_ONCE = 250;

/** Removes what was remembered of frames. A lesson that others told in the same words goes with it, as it is kept once. */
const eraseIn = async (client: VectorClient, tenant: string, erasures: readonly Erasure[]): Promise<void> => {
  const isMeant = createKeptTest(erasures);
  const ids = [...new Set(erasures.map(idOfFrame))];
  for (const collection of Object.values(memoryCollections)) {
    if (!(await client.hasTenant(collection, tenant))) continue;
    const shelf = { collection, tenant };
    for (let from = 0; from < ids.length; from += IDS_AT_ONCE) {
      const idIn = ids.slice(from, from + IDS_AT_ONCE);
      const found = await client.find(shelf, [{ idIn }], IDS_AT_ONCE);
      // An object's id is its frame's place, at which another frame may stand than the one that is meant.
      const meant = found.filter(({ properties }) => isMeant(tenant, memoryPropertiesOf(properties)));
      await client.remove(
        shelf,
        meant.map(({ id }) => id),
      );
    }
  }
};

/** The tenants whose parts of all collections were seen to. */
const createTenantsThere = (client: VectorClient) => {
  const there = new Set<string>();
  return {
    ensure: async (tenants: readonly string[]): Promise<void> => {
      const unknown = tenants.filter((tenant) => !there.has(tenant));
      if (unknown.length === 0) return;
      for (const collection of collections) await client.ensureTenants(collection, unknown);
      for (const tenant of unknown) there.add(tenant);
    },
    forget: () => there.clear(),
  };
};

const resultOf = async (client: VectorClient, error: unknown): Promise<SinkResult> => {
  const reason = error instanceof Error ? error.message : String(error);
  if (error instanceof EmbedderFailure) {
    if (error.refused) return { kind: "rejected", reason };
    return { kind: "retryable", reason, ...(error.afterMs === undefined ? {} : { afterMs: error.afterMs }) };
  }
  if (!(error instanceof WeaviateFailure)) return { kind: "retryable", reason };
  const missing = await client.missing([...collections, ...ownCollections]).catch(() => []);
  return missing.length > 0 ? { kind: "lost", reason } : { kind: "retryable", reason };
};

// A namespace of Kubernetes always is one; what else a frame says cannot be kept apart from others.
const isTenant = (name: string): boolean => /^[A-Za-z0-9_-]{1,64}$/.test(name);

const MOST_TENANTS = 10_000;
/** Tenants that are written at once. */
const TENANTS_AT_ONCE = 8;

/** What a memory's sink is made of beside the memory. */
export type MemorySinkOptions = Omit<FillerOptions, "memory"> & {
  /** How many vectors of one tenant are made while the stream waits, where that is not the embedder's share. */
  readonly share?: Rate;
};

/**
 * The memory: lessons, decisions and diffs as objects of Weaviate that are found by meaning. What a tenant writes beyond its share is
 * found by its words until its vectors are made too, beside the stream and in turns.
 */
export const createMemorySink = (
  memory: Memory,
  { share = memory.embedder.share, ...options }: MemorySinkOptions,
): Sink => {
  const { client, embedder } = memory;
  const erased = createErasedKeys(client);
  const filler = createVectorFiller({ memory, ...options });
  const shares = share && createTokenBuckets(share, options.clock, MOST_TENANTS);
  const writing: MemoryWriting = { ...memory, filler, shares };
  const stopping = new AbortController();
  let filling: Promise<void> | undefined;
  const tenantsThere = createTenantsThere(client);
  return {
    prepare: async () => {
      tenantsThere.forget();
      const missing = await client.missing([...collections, cutsCollection.name]);
      // Cuts speak of what is in the other collections: of one that was dropped they say nothing.
      const lost = missing.some((name) => name !== cutsCollection.name);
      if (lost && !missing.includes(cutsCollection.name)) await client.dropCollection(cutsCollection.name);
      const kept = [pullRequestsCollection, cutsCollection, erasedCollection];
      for (const wanted of [...memoryDefinitions(vectorNameOf(embedder)), ...kept])
        await client.ensureCollection(wanted);
      filling ??= filler.run(stopping.signal);
    },
    cuts: async () => cutsOf(await client.find({ collection: cutsCollection.name }, [], 100)),
    keepCut: (cut) => client.put({ collection: cutsCollection.name }, [cutObject(cut)]),
    write: async (batch: Batch, signal) => {
      const bad = batch.frames.filter(({ envelope }) => !isTenant(envelope.namespace));
      if (bad.length > 0) return { kind: "rejected", reason: "the namespace is no name of a tenant", bad };
      try {
        signal.throwIfAborted();
        const tenants = byTenant(await projectBatch(erased, batch));
        if (tenants.size === 0) return { kind: "written" };
        await tenantsThere.ensure([...tenants.keys()]);
        await eachAtOnce([...tenants], TENANTS_AT_ONCE, ([tenant, projections]) =>
          writeTenant(writing, tenant, projections, signal),
        );
        return { kind: "written" };
      } catch (error) {
        // Somebody may have made a collection anew, which has no tenant.
        tenantsThere.forget();
        return resultOf(client, error);
      }
    },
    erase: async (erasures): Promise<EraseResult> => {
      try {
        await erased.keep(erasedKeysOf(erasures));
        for (const [tenant, own] of Map.groupBy(erasures, ({ namespace }) => namespace)) {
          if (isTenant(tenant)) await eraseIn(client, tenant, own);
        }
        return { kind: "written" };
      } catch (error) {
        return { kind: "retryable", reason: `the memory does not erase: ${String(error)}` };
      }
    },
    close: async () => {
      stopping.abort(new Error("the memory is closed"));
      await filling;
      await closeMemory(memory);
    },
  };
};

/** The memory's line in the registry: nothing waits for it, since embedding takes its time. */
export const memory: SinkKind<typeof memorySettings> = {
  name: SINK,
  settings: memorySettings,
  create: async (settings, { clock, random, log }) => {
    const opened = await openMemory(settings);
    return opened && createMemorySink(opened, { clock, random, log });
  },
  settles: false,
  limits: { maxFrames: 2048, maxBytes: 4 * 1024 * 1024, lingerMs: 250, ackWaitMs: 300_000 },
};
