import * as z from "zod";
import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { slotOf, type KeptCut } from "#pipeline/siphon/sink.ts";
import { cutKey, cutsPrefix, filesPrefix } from "./keys.ts";
import { parseJson, readObject } from "./read-object.ts";

const count = z.int().min(0);
const keptCut = z.object({ number: count, stream: z.string(), from: count, to: count, hash: z.string() });

/** The archive's cuts: an object a slot, each put in place of the one before it. */
export type KeptCuts = {
  /** See `Sink`. */
  cuts(): Promise<readonly KeptCut[]>;
  keepCut(cut: KeptCut): Promise<void>;
  /** Forgets all of them where there is no file that they could speak of. */
  forgetWithoutFiles(): Promise<void>;
};

const keysBelow = async (client: Pick<ObjectClient, "list">, prefix: string): Promise<string[]> => {
  const keys: string[] = [];
  for await (const { key } of client.list(prefix)) keys.push(key);
  return keys;
};

const hasAny = async (client: Pick<ObjectClient, "list">, prefix: string): Promise<boolean> => {
  for await (const _ of client.list(prefix)) return true;
  return false;
};

/** Creates the cuts in a bucket. One that cannot be read is passed over: what an older one covers is read again. */
export const createKeptCuts = (client: ObjectClient): KeptCuts => ({
  cuts: async () => {
    const keys = await keysBelow(client, cutsPrefix);
    const read = await Promise.all(keys.map(async (key) => parseJson(await readObject(client, key))));
    const kept = read.flatMap((value) => keptCut.safeParse(value).data ?? []);
    return kept.toSorted((a, b) => b.number - a.number);
  },
  keepCut: async (cut) => {
    const bytes = Buffer.from(JSON.stringify(keptCut.parse(cut)));
    await client.put(cutKey(slotOf(cut.number)), bytes, bytes.length);
  },
  forgetWithoutFiles: async () => {
    if (await hasAny(client, filesPrefix)) return;
    for (const key of await keysBelow(client, cutsPrefix)) await client.delete(key);
  },
});
