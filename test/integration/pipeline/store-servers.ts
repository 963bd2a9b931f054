import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "nats";
import { pullRequestsCollection } from "#nervous-system/stores/weaviate/pull-requests-collection.ts";
import { memoryCollections } from "#nervous-system/stores/weaviate/memory-collections.ts";
import { contextStream } from "#nervous-system/schemas/subjects.ts";
import type { NatsServer } from "#platform/stores/nats.ts";
import { startTestArchive, type TestArchive } from "./archive-harness.ts";
import type { Cleanup } from "./bus-harness.ts";
import { startTestGraph, type TestGraph } from "./graph-harness.ts";
import { startTestLedger, type TestLedger } from "./ledger-harness.ts";
import { startTestMemory, type TestMemory } from "./memory-harness.ts";

/** Every store of the siphon. */
export type StoreServers = {
  readonly ledger: TestLedger;
  readonly archive: TestArchive;
  readonly graph: TestGraph;
  readonly memory: TestMemory;
};

/** Starts the four stores, each in a directory of its own unless told. */
export const startStores = async (
  cleanup: Cleanup,
  at: Partial<Readonly<Record<keyof StoreServers, string>>> = {},
): Promise<StoreServers> => ({
  ledger: await startTestLedger(cleanup, at.ledger === undefined ? {} : { dir: at.ledger }),
  archive: await startTestArchive(cleanup, at.archive),
  graph: await startTestGraph(cleanup, at.graph),
  memory: await startTestMemory(cleanup, at.memory),
});

/** The siphon's environment, as far as it is about stores. */
export const siphonStores = ({ ledger, archive, graph, memory }: StoreServers): Record<string, string> => ({
  CLICKHOUSE_URL: ledger.server.url,
  CLICKHOUSE_USER: ledger.server.username,
  CLICKHOUSE_PASSWORD: ledger.server.password,
  S3_ENDPOINT: archive.server.endpoint,
  S3_REGION: archive.server.region,
  S3_BUCKET: archive.bucket,
  S3_ACCESS_KEY_ID: archive.server.accessKey,
  S3_SECRET_ACCESS_KEY: archive.server.secretKey,
  ...archive.keyFiles,
  NEO4J_URL: graph.server.boltUrl,
  NEO4J_USER: graph.server.username,
  NEO4J_PASSWORD: graph.server.password,
  WEAVIATE_URL: memory.server.url,
  WEAVIATE_GRPC_URL: memory.server.grpcUrl,
  WEAVIATE_API_KEY: memory.server.apiKey,
});

/** Empties every store. */
export const emptyStores = async ({ ledger, archive, graph, memory }: StoreServers): Promise<void> => {
  await ledger.client.command({ query: "DROP DATABASE IF EXISTS enchanted SYNC" });
  await archive.loseBucket();
  await graph.client.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS");
  for (const collection of [...Object.values(memoryCollections), pullRequestsCollection.name, "MemoryCut"])
    await memory.client.dropCollection(collection);
};

/** Forgets who has read a stream how far. */
export const forgetReaders = async (nats: NatsServer): Promise<void> => {
  const connection = await connect({ servers: nats.url });
  try {
    const manager = await jetstreamManager(connection);
    for await (const { name } of manager.consumers.list(contextStream))
      await manager.consumers.delete(contextStream, name);
  } finally {
    await connection.close();
  }
};
