import type { CollectionDefinition } from "#nervous-system/stores/weaviate/collection.ts";
import { objectIdOf } from "#nervous-system/stores/weaviate/object-id.ts";
import type { VectorClient } from "#nervous-system/stores/weaviate/vector-client.ts";
import type { ErasedKeys } from "#pipeline/siphon/erased-frames.ts";

/** The keys of erased frames: an object each. */
export const erasedCollection = {
  name: "MemoryErased",
  description: "Keys of the frames that were erased.",
  properties: { key: "stored" },
  tenants: false,
} as const satisfies CollectionDefinition;

const shelf = { collection: erasedCollection.name };
const idOf = (key: string): string => objectIdOf("erased", key);

// What a filter may hold.
const KEYS_AT_ONCE = 250;

/** The keys of erased frames in a collection of their own. */
export const createErasedKeys = (client: Pick<VectorClient, "find" | "put">): ErasedKeys => {
  const among = async (keys: readonly string[]): Promise<string[]> => {
    const found: string[] = [];
    for (let at = 0; at < keys.length; at += KEYS_AT_ONCE) {
      const idIn = keys.slice(at, at + KEYS_AT_ONCE).map(idOf);
      const objects = await client.find(shelf, [{ idIn }], KEYS_AT_ONCE);
      found.push(...objects.map(({ properties }) => String(properties["key"])));
    }
    return found;
  };
  return {
    isEmpty: async () => (await client.find(shelf, [], 1)).length === 0,
    among,
    keep: async (keys) => {
      const known = new Set(await among(keys));
      const objects = keys.filter((key) => !known.has(key)).map((key) => ({ id: idOf(key), properties: { key } }));
      if (objects.length > 0) await client.put(shelf, objects);
    },
  };
};
