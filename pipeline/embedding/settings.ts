import { readFile } from "node:fs/promises";
import * as z from "zod";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { readOnlyCa } from "#nervous-system/kernel/trusted-cas.ts";
import type { Embedder } from "#pipeline/embedding/embedder.ts";
import { createLexicalHash } from "#pipeline/embedding/lexical-hash.ts";
import { createLocalEmbedder } from "#pipeline/embedding/local/local-embedder.ts";
import { createOpenAiEmbedder } from "#pipeline/embedding/openai-embedder.ts";

/** Who makes vectors, and what each needs. */
export const embedderSettings = z.object({
  EMBEDDER: z
    .enum(["lexical-hash", "local", "openai"])
    .default("lexical-hash")
    .describe(
      "lexical-hash (finds shared words), local (a sentence transformer on this processor) or openai (an endpoint)",
    ),
  EMBEDDING_MODEL_DIR: z.string().optional().describe("for local: directory with the files of all-MiniLM-L6-v2"),
  EMBEDDING_URL: z.url().optional().describe("for openai: base of the endpoint, such as https://host/v1"),
  EMBEDDING_CA_FILE: z.string().optional().describe("PEM file with the CA of the endpoint; without it the public ones"),
  EMBEDDING_MODEL: z.string().optional().describe("for openai: name of the model"),
  EMBEDDING_DIMENSIONS: z.coerce
    .number()
    .int()
    .min(1)
    .max(65_535)
    .optional()
    .describe("for openai: length of the model's vectors"),
  EMBEDDING_KEY_FILE: z.string().optional().describe("for openai: file with the key; without it none is sent"),
});

/** See `embedderSettings`. */
export type EmbedderSettings = z.output<typeof embedderSettings>;

const needed = <T>(name: keyof EmbedderSettings, value: T | undefined, embedder: string): T => {
  if (value === undefined) throw new Error(`EMBEDDER=${embedder} needs ${name}`);
  return value;
};

const openAi = async (settings: EmbedderSettings, clock: Pick<Clock, "after">): Promise<Embedder> => {
  const { EMBEDDING_URL, EMBEDDING_MODEL, EMBEDDING_DIMENSIONS, EMBEDDING_CA_FILE, EMBEDDING_KEY_FILE } = settings;
  return createOpenAiEmbedder({
    url: needed("EMBEDDING_URL", EMBEDDING_URL, "openai"),
    model: needed("EMBEDDING_MODEL", EMBEDDING_MODEL, "openai"),
    dimensions: needed("EMBEDDING_DIMENSIONS", EMBEDDING_DIMENSIONS, "openai"),
    caPem: await readOnlyCa(EMBEDDING_CA_FILE),
    // Read each time: a mounted Secret changes under its reader.
    readKey: async () =>
      EMBEDDING_KEY_FILE === undefined ? undefined : (await readFile(EMBEDDING_KEY_FILE, "utf8")).trim(),
    clock,
  });
};

/** Creates the embedder that the settings name; rejects where they lack what it needs. */
export const createEmbedder = async (settings: EmbedderSettings, clock: Pick<Clock, "after">): Promise<Embedder> => {
  switch (settings.EMBEDDER) {
    case "lexical-hash":
      return createLexicalHash();
    case "local":
      return createLocalEmbedder(needed("EMBEDDING_MODEL_DIR", settings.EMBEDDING_MODEL_DIR, "local"));
    case "openai":
      return openAi(settings, clock);
  }
};
