import { hasKey, KEY_BYTES, sortKeys, unionOfKeys, type SortedKeys } from "#nervous-system/kernel/sorted-keys.ts";
import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import type { ErasedKeys } from "#pipeline/siphon/erased-frames.ts";
import { erasedPrefix } from "./keys.ts";
import { sha256Of } from "./manifest.ts";
import { readObject } from "./read-object.ts";

/** The archive's keys of erased frames. */
export type ArchivedErasedKeys = ErasedKeys & {
  /** Reads them anew with the next question. */
  forget(): void;
};

/** All keys, and the names of the objects that hold them. */
type Read = { readonly keys: SortedKeys; readonly parts: readonly string[] };

/** Objects that are left as they are: as many as one page of a listing would hold several times. */
const MOST_PARTS = 64;

const readPart = async (client: Pick<ObjectClient, "get">, name: string): Promise<SortedKeys> => {
  const bytes = (await readObject(client, name)) ?? Buffer.of();
  if (bytes.length % KEY_BYTES === 0 && name === `${erasedPrefix}${sha256Of(bytes)}`) return bytes;
  throw new Error(`${name} is not what was written; put it back from a copy, or remove it and give its orders again`);
};

const readAll = async (client: Pick<ObjectClient, "list" | "get">): Promise<Read> => {
  const parts: string[] = [];
  let keys: SortedKeys = sortKeys([]);
  for await (const { key } of client.list(erasedPrefix)) parts.push(key);
  for (const name of parts) keys = unionOfKeys(keys, await readPart(client, name));
  return { keys, parts };
};

/**
 * The keys of erased frames in the bucket: an object for those of each batch with orders, named by what is in it, so that to put it
 * again changes nothing. Many become one: the whole is put before its parts are removed. They are read once and held in memory, as
 * an archive has one writer.
 */
export const createErasedKeys = (client: Pick<ObjectClient, "list" | "get" | "put" | "delete">): ArchivedErasedKeys => {
  let known: Promise<Read> | undefined;
  const read = (): Promise<Read> =>
    (known ??= readAll(client).catch((error: unknown) => {
      known = undefined;
      throw error;
    }));
  const put = async (keys: SortedKeys): Promise<string> => {
    const name = `${erasedPrefix}${sha256Of(keys)}`;
    await client.put(name, keys, keys.length);
    return name;
  };
  const gather = async ({ keys, parts }: Read): Promise<Read> => {
    if (parts.length <= MOST_PARTS) return { keys, parts };
    const whole = await put(keys);
    for (const name of parts) if (name !== whole) await client.delete(name);
    return { keys, parts: [whole] };
  };
  return {
    isEmpty: async () => (await read()).keys.length === 0,
    among: async (asked) => {
      const { keys } = await read();
      return asked.filter((key) => hasKey(keys, key));
    },
    keep: async (given) => {
      const before = await read();
      const fresh = sortKeys(given.filter((key) => !hasKey(before.keys, key)));
      if (fresh.length === 0) return;
      const after = { keys: unionOfKeys(before.keys, fresh), parts: [...before.parts, await put(fresh)] };
      known = Promise.resolve(after);
      known = Promise.resolve(await gather(after));
    },
    forget: () => (known = undefined),
  };
};
