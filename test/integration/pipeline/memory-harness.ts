import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import {
  memoryCollections,
  memoryKinds,
  memoryPropertiesOf,
  type MemoryKind,
  type MemoryProperties,
} from "#nervous-system/stores/weaviate/memory-collections.ts";
import { createVectorClient, type VectorClient } from "#nervous-system/stores/weaviate/vector-client.ts";
import type { Embedder } from "#pipeline/embedding/embedder.ts";
import { createLexicalHash } from "#pipeline/embedding/lexical-hash.ts";
import { createMemorySink, type MemorySinkOptions } from "#pipeline/siphon/memory/sink.ts";
import type { Sink } from "#pipeline/siphon/sink.ts";
import { startWeaviate, type WeaviateServer } from "#platform/stores/weaviate.ts";
import { temporaryDirectory, type Cleanup } from "./bus-harness.ts";

/** A Weaviate server and ways to it. */
export type TestMemory = {
  readonly server: WeaviateServer;
  readonly client: VectorClient;
  /** A new sink, by the lexical hash unless told. */
  sink(embedder?: Embedder, options?: Partial<MemorySinkOptions>): Sink;
  /** Everything of a kind that a namespace remembers, in the stream's order. */
  remembered(kind: MemoryKind, namespace?: string): Promise<readonly MemoryProperties[]>;
};

/** The namespace of `chainBuilder`. */
const NAMESPACE = "team-a";

/** Starts Weaviate. */
export const startTestMemory = async (cleanup: Cleanup, at?: string): Promise<TestMemory> => {
  const server = await startWeaviate({ dir: at ?? (await temporaryDirectory(cleanup)) });
  cleanup.add(() => server.stop());
  const open = (): VectorClient => createVectorClient({ ...server, requestTimeoutMs: 10_000 });
  const client = open();
  cleanup.add(() => client.close());
  return {
    server,
    client,
    sink: (embedder = createLexicalHash(), options = {}) =>
      createMemorySink(
        { client: open(), embedder },
        { clock: systemClock(), random: () => 0, log: silentLog, ...options },
      ),
    remembered: async (kind, tenant = NAMESPACE) => {
      const collection = memoryCollections[kind];
      if ((await client.missing([collection])).length > 0) return [];
      if (!(await client.hasTenant(collection, tenant))) return [];
      const found = await client.find({ collection, tenant }, [], 5_000);
      return found.map(({ properties }) => memoryPropertiesOf(properties)).toSorted((a, b) => a.place - b.place);
    },
  };
};

/** Hashes of all that is remembered, in the stream's order. */
export const rememberedHashes = async (memory: TestMemory): Promise<string[]> => {
  const kinds = await Promise.all(memoryKinds.map((kind) => memory.remembered(kind)));
  return kinds
    .flat()
    .toSorted((a, b) => a.place - b.place)
    .map(({ hash }) => hash);
};
