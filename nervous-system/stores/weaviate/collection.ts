import { configure, type Collection, type WeaviateClient } from "weaviate-client";

/**
 * Types of properties: `words` is text that is searched by its words, `exact` is compared whole, `range` is a whole number that is
 * compared by size, `stored` is text that nobody searches; `exacts` and `storeds` are lists of such.
 */
type PropertyKind = "words" | "exact" | "exacts" | "range" | "stored" | "storeds";

/** A collection as the product wants it. */
export type CollectionDefinition = {
  readonly name: string;
  readonly description: string;
  readonly properties: Readonly<Record<string, PropertyKind>>;
  /** Whether each tenant's objects are kept apart. */
  readonly tenants: boolean;
  /** Name of the vectors that are searched; none without it. */
  readonly vector?: string;
};

const propertyOf = (name: string, kind: PropertyKind) => {
  const indexes = {
    indexFilterable: kind === "exact" || kind === "exacts",
    indexSearchable: kind === "words",
  };
  switch (kind) {
    case "words":
      return { name, dataType: "text" as const, tokenization: "word" as const, ...indexes };
    case "exact":
    case "stored":
      return { name, dataType: "text" as const, tokenization: "field" as const, ...indexes };
    case "exacts":
    case "storeds":
      return { name, dataType: "text[]" as const, tokenization: "field" as const, ...indexes };
    case "range":
      return { name, dataType: "int" as const, ...indexes, indexRangeFilters: true };
  }
};

const vectorOf = (name: string) =>
  configure.vectors.selfProvided({
    name,
    vectorIndexConfig: configure.vectorIndex.hnsw({ distanceMetric: "cosine" }),
  });

const create = async (client: WeaviateClient, wanted: CollectionDefinition): Promise<void> => {
  const { name, description, properties, tenants, vector } = wanted;
  await client.collections.create({
    name,
    description,
    properties: Object.entries(properties).map(([property, kind]) => propertyOf(property, kind)),
    vectorizers: vector === undefined ? [] : [vectorOf(vector)],
    ...(tenants
      ? {
          multiTenancy: configure.multiTenancy({ enabled: true, autoTenantCreation: true, autoTenantActivation: true }),
        }
      : {}),
  });
};

const addWhatLacks = async (collection: Collection, wanted: CollectionDefinition): Promise<void> => {
  const { properties, vectorizers } = await collection.config.get();
  const present = new Set(properties.map(({ name }) => name));
  for (const [name, kind] of Object.entries(wanted.properties)) {
    if (!present.has(name)) await collection.config.addProperty(propertyOf(name, kind));
  }
  const { vector } = wanted;
  if (vector !== undefined && !Object.hasOwn(vectorizers, vector)) {
    await collection.config.addVector([vectorOf(vector)]);
  }
};

/** Creates a collection, or adds what one of an older version, or of another embedder, lacks. */
export const ensureCollection = async (client: WeaviateClient, wanted: CollectionDefinition): Promise<void> => {
  if (await client.collections.exists(wanted.name)) await addWhatLacks(client.collections.get(wanted.name), wanted);
  else await create(client, wanted);
};
