import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { ApiKey, connectToCustom, type Collection, type WeaviateClient, type WeaviateField } from "weaviate-client";
import { eachAtOnce } from "#nervous-system/kernel/each-at-once.ts";
import { groupsOf } from "#nervous-system/kernel/groups.ts";
import { ensureCollection, type CollectionDefinition } from "#nervous-system/stores/weaviate/collection.ts";
import { filterOfAll, type Condition } from "#nervous-system/stores/weaviate/conditions.ts";
import { orFailure, WeaviateFailure } from "#nervous-system/stores/weaviate/weaviate-failure.ts";

/** Where Weaviate is and who we are. */
export type WeaviateOptions = {
  /** `http(s)://host:port` of its REST interface. */
  readonly url: string;
  /** `http(s)://host:port` of its gRPC interface. */
  readonly grpcUrl: string;
  /** The CA of its certificates, PEM; the public ones without it. */
  readonly caPem?: string | undefined;
  readonly apiKey: string;
  readonly requestTimeoutMs?: number;
};

/** Where objects are: a collection, and the tenant's part where it has tenants. */
type Shelf = { readonly collection: string; readonly tenant?: string };

/** Values of properties. */
type StoredProperties = Readonly<Record<string, string | number | readonly string[]>>;

/** An object to be put. */
export type NewObject = {
  readonly id: string;
  readonly properties: StoredProperties;
  readonly vector?: { readonly name: string; readonly values: Float32Array };
};

/** An object that was found. */
export type FoundObject = {
  readonly id: string;
  readonly properties: Readonly<Record<string, unknown>>;
  /** 0 to 1, higher is nearer, where it was searched for; of another search it means nothing. */
  readonly score: number;
};

/** A search by words and, with a vector, by meaning. */
export type Search = {
  readonly text: string;
  /** Property of kind `words`. */
  readonly property: string;
  readonly vector?: { readonly name: string; readonly values: Float32Array };
  /** Weight of meaning against words, 0 to 1. */
  readonly alpha: number;
  readonly conditions: readonly Condition[];
  readonly limit: number;
};

/** Weaviate as far as the product uses it. Everything rejects with `WeaviateFailure`. */
export type VectorClient = {
  /** Creates a collection, or adds what it lacks. */
  ensureCollection(wanted: CollectionDefinition): Promise<void>;
  /** Which of these collections are not there. */
  missing(names: readonly string[]): Promise<readonly string[]>;
  dropCollection(name: string): Promise<void>;
  /** Makes the tenants' parts of a collection that are not there. */
  ensureTenants(collection: string, tenants: readonly string[]): Promise<void>;
  /** Whether a tenant has a part of a collection. */
  hasTenant(collection: string, tenant: string): Promise<boolean>;
  /** Names of all that have one. */
  tenants(collection: string): Promise<readonly string[]>;
  /** Puts objects, in place of those with the same ids. */
  put(shelf: Shelf, objects: readonly NewObject[]): Promise<void>;
  /** Changes properties of one object, or gives it a vector, and keeps the others. */
  change(shelf: Shelf, id: string, properties: StoredProperties, vector?: NewObject["vector"]): Promise<void>;
  /** Removes objects, those that are there. */
  remove(shelf: Shelf, ids: readonly string[]): Promise<void>;
  find(shelf: Shelf, conditions: readonly Condition[], limit: number): Promise<readonly FoundObject[]>;
  search(shelf: Shelf, search: Search): Promise<readonly FoundObject[]>;
  close(): Promise<void>;
};

const REQUEST_TIMEOUT_MS = 30_000;
/** How long a server that was there is taken to be. */
const SEEN_MS = 1_000;

/**
 * The official client cannot be given a CA: the process is, beside those that it has. Its gRPC half takes other ones where somebody
 * has set GRPC_DEFAULT_SSL_ROOTS_FILE_PATH.
 */
const trust = (caPem: string | undefined): void => {
  if (caPem !== undefined) setDefaultCACertificates([...getCACertificates("default"), caPem]);
};

const connect = ({ url, grpcUrl, caPem, apiKey, requestTimeoutMs }: WeaviateOptions): Promise<WeaviateClient> => {
  trust(caPem);
  const [http, grpc] = [new URL(url), new URL(grpcUrl)];
  const seconds = (requestTimeoutMs ?? REQUEST_TIMEOUT_MS) / 1_000;
  const portOf = ({ port, protocol }: URL): number => Number(port) || (protocol === "https:" ? 443 : 80);
  return connectToCustom({
    httpHost: http.hostname,
    httpPort: portOf(http),
    httpSecure: http.protocol === "https:",
    grpcHost: grpc.hostname,
    grpcPort: portOf(grpc),
    grpcSecure: grpc.protocol === "https:",
    authCredentials: new ApiKey(apiKey),
    timeout: { init: seconds, query: seconds, insert: seconds },
    // It is away now and then; whether it speaks the version that we know is seen by its answers.
    skipInitChecks: true,
  });
};

type FromClient = {
  readonly uuid: string;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly metadata?: { readonly score?: number } | undefined;
};

const found = ({ objects }: { readonly objects: readonly FromClient[] }): FoundObject[] =>
  objects.map(({ uuid: id, properties, metadata }) => ({ id, properties, score: metadata?.score ?? 0 }));

const asInput = (properties: StoredProperties): Record<string, WeaviateField> =>
  properties as Record<string, WeaviateField>;

const vectorsOf = (vector: NewObject["vector"]) =>
  vector === undefined ? {} : { vectors: { [vector.name]: [...vector.values] } };

const inputOf = ({ id, properties, vector }: NewObject) => ({
  id,
  properties: asInput(properties),
  ...vectorsOf(vector),
});

const putTogether = async (collection: Collection, objects: readonly NewObject[]): Promise<void> => {
  const { errors, hasErrors } = await collection.data.insertMany(objects.map(inputOf));
  const [first] = Object.values(errors);
  if (hasErrors) throw new WeaviateFailure("putting objects", first?.message);
};

const bytesOf = ({ properties, vector }: NewObject): number =>
  JSON.stringify(properties).length + (vector?.values.byteLength ?? 0);

// The official client (3.14.0) looks every 500 ms whether it has encoded what it was given, of one object at once: 32 objects one by
// one take 25 ms, together 507. But together each costs Weaviate 0.5 ms of its processor instead of 1.9, and us 0.2 instead of 0.8.
const FEW = 16;
const ONE_BY_ONE = { items: 1, bytes: 0, bytesOf: (): number => 0 };
const TOGETHER = { items: 250, bytes: 8 * 1024 * 1024, bytesOf };
/** Requests at once. */
const AT_ONCE = 8;

const putAll = async (collection: Collection, objects: readonly NewObject[]): Promise<void> => {
  const groups = [...groupsOf(objects, objects.length <= FEW ? ONE_BY_ONE : TOGETHER)];
  await eachAtOnce(groups, AT_ONCE, (group) => putTogether(collection, group));
};

const searchIn = async (collection: Collection, search: Search): Promise<FoundObject[]> => {
  const { text, property, vector, alpha, conditions, limit } = search;
  const filters = filterOfAll(collection, conditions);
  const options = {
    limit,
    queryProperties: [property as never],
    returnMetadata: ["score" as const],
    ...(filters === undefined ? {} : { filters }),
  };
  if (vector === undefined) return found(await collection.query.bm25(text, options));
  return found(
    await collection.query.hybrid(text, {
      ...options,
      alpha,
      fusionType: "RelativeScore",
      vector: [...vector.values],
      targetVector: [vector.name] as never,
    }),
  );
};

/** Creates a client; it connects with its first request. */
export const createVectorClient = (options: WeaviateOptions): VectorClient => {
  const connecting = orFailure("connecting", connect(options));
  connecting.catch(() => {}); // whoever asks hears of it
  let seenAtMs = -Infinity;
  /** Of a server that is away gRPC is asked five times, each told on the console. */
  const mustBeThere = async (client: WeaviateClient): Promise<void> => {
    if (performance.now() - seenAtMs < SEEN_MS) return;
    if (!(await client.isLive())) throw new Error("it is not there");
    seenAtMs = performance.now();
  };
  const on = async ({ collection, tenant }: Shelf): Promise<Collection> => {
    const client = await connecting;
    await mustBeThere(client);
    const own = client.collections.get(collection);
    return tenant === undefined ? own : own.withTenant(tenant);
  };
  const asked = <T>(doing: string, ask: (client: WeaviateClient) => Promise<T>): Promise<T> =>
    orFailure(doing, connecting.then(ask));
  const at = <T>(doing: string, shelf: Shelf, ask: (collection: Collection) => Promise<T>): Promise<T> =>
    orFailure(doing, on(shelf).then(ask));
  return {
    ensureCollection: (wanted) =>
      asked(`seeing to collection ${wanted.name}`, (client) => ensureCollection(client, wanted)),
    missing: async (names) => {
      const there = await Promise.all(
        names.map((name) => asked("looking for collections", (client) => client.collections.exists(name))),
      );
      return names.filter((_, index) => there[index] === false);
    },
    dropCollection: (name) => asked("dropping a collection", (client) => client.collections.delete(name)),
    ensureTenants: async (collection, tenants) => {
      await at("making tenants", { collection }, (own) => own.tenants.create(tenants.map((name) => ({ name }))));
    },
    hasTenant: async (collection, tenant) =>
      (await at("looking for a tenant", { collection }, (own) => own.tenants.getByName(tenant))) !== null,
    put: (shelf, objects) => at("putting objects", shelf, (collection) => putAll(collection, objects)),
    tenants: async (collection) => Object.keys(await at("listing tenants", { collection }, (own) => own.tenants.get())),
    change: (shelf, id, properties, vector) =>
      at("changing an object", shelf, (collection) =>
        collection.data.update(inputOf({ id, properties, ...(vector === undefined ? {} : { vector }) })),
      ),
    remove: (shelf, ids) =>
      at("removing objects", shelf, async (collection) => {
        for (const id of ids) await collection.data.deleteById(id);
      }),
    find: (shelf, conditions, limit) =>
      at("finding objects", shelf, async (collection) => {
        const filters = filterOfAll(collection, conditions);
        return found(await collection.query.fetchObjects({ limit, ...(filters === undefined ? {} : { filters }) }));
      }),
    search: (shelf, search) => at("searching", shelf, (collection) => searchIn(collection, search)),
    close: async () => {
      await connecting.then(
        (client) => client.close(),
        () => {},
      );
    },
  };
};
