import * as z from "zod";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { readOnlyCa } from "#nervous-system/kernel/trusted-cas.ts";
import { createVectorClient, type VectorClient } from "#nervous-system/stores/weaviate/vector-client.ts";
import type { Embedder } from "#pipeline/embedding/embedder.ts";
import { createEmbedder, embedderSettings } from "#pipeline/embedding/settings.ts";

/** Where the memory is, and who makes its vectors: of those that write it and of those that search it. */
export const memorySettings = z.object({
  WEAVIATE_URL: z
    .url()
    .optional()
    .describe("http(s)://host:port of Weaviate's REST interface; without it nothing is remembered"),
  WEAVIATE_GRPC_URL: z.url().optional().describe("http(s)://host:port of its gRPC interface"),
  WEAVIATE_CA_FILE: z.string().optional().describe("PEM file with the CA of Weaviate; without it the public ones"),
  WEAVIATE_API_KEY: z.string().default("").describe("key of a user who may create collections and write to them"),
  ...embedderSettings.shape,
});

/** A memory and the embedder whose vectors are in it. */
export type Memory = { readonly client: VectorClient; readonly embedder: Embedder };

/** Opens the memory that the settings name; undefined where they name none. Rejects where they lack something. */
export const openMemory = async (given: z.output<typeof memorySettings>): Promise<Memory | undefined> => {
  const { WEAVIATE_URL: url, WEAVIATE_GRPC_URL: grpcUrl, WEAVIATE_CA_FILE: caFile, WEAVIATE_API_KEY: apiKey } = given;
  if (url === undefined) return undefined;
  if (grpcUrl === undefined) throw new Error("WEAVIATE_URL needs WEAVIATE_GRPC_URL");
  const embedder = await createEmbedder(given, systemClock());
  return { client: createVectorClient({ url, grpcUrl, caPem: await readOnlyCa(caFile), apiKey }), embedder };
};

/** Lets go of both. */
export const closeMemory = async ({ client, embedder }: Memory): Promise<void> => {
  await embedder.close();
  await client.close();
};
