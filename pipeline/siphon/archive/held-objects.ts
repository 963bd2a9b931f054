import * as z from "zod";
import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { heldKey, heldPrefix, parseFileKey } from "./keys.ts";
import { newestRevision } from "./newest-revision.ts";
import { parseJson, readObject } from "./read-object.ts";

/** The last millisecond of the year 9999. */
const LAST_MS = 253_402_300_799_999;

const heldSchema = z.object({
  /** Name of the object. */
  key: z
    .string()
    .max(1024)
    .refine((key) => parseFileKey(key) !== undefined || key.includes("/blobs/"), "is neither a file nor a blob"),
  /** Until when it is locked, Unix milliseconds; absent where nobody knows, as of a legal hold. */
  untilMs: z.number().int().min(0).max(LAST_MS).optional(),
});

/** An object that was to be erased, and that its store holds. */
export type HeldObject = z.output<typeof heldSchema>;

/** The marks that are read at once: one a file that was erased from, or a blob. */
const MOST_READ = 10_000;

/** Reads what a bucket holds though it was to be erased, `most` of it. */
export async function* heldObjects(
  client: Pick<ObjectClient, "list" | "get">,
  most: number = MOST_READ,
): AsyncGenerator<HeldObject> {
  let read = 0;
  for await (const { key } of client.list(heldPrefix)) {
    if ((read += 1) > most) return;
    const { data } = heldSchema.safeParse(parseJson(await readObject(client, key)));
    // A mark says only what stands under its name.
    if (data !== undefined && heldKey(data.key) === key) yield data;
  }
}

/** Erases an object, or keeps a mark that it is to go once its store lets it. */
export const eraseOrHold = async (client: Pick<ObjectClient, "erase" | "put">, key: string): Promise<void> => {
  const erased = await client.erase(key);
  if (erased.kind === "gone") return;
  const { untilMs } = erased;
  const bytes = Buffer.from(JSON.stringify({ key, ...(untilMs === undefined ? {} : { untilMs }) }));
  await client.put(heldKey(key), bytes, bytes.length);
};

/** Erases what its store need not hold any more. */
export const eraseReleased = async (
  client: Pick<ObjectClient, "list" | "get" | "erase" | "put">,
  nowMs: number,
): Promise<void> => {
  for await (const { key, untilMs = 0 } of heldObjects(client)) {
    // A mark is signed by nobody: a file goes only where another is in its place.
    const isFile = parseFileKey(key) !== undefined;
    if (untilMs > nowMs || (isFile && (await newestRevision(client, key)) === undefined)) continue;
    if ((await client.erase(key)).kind === "gone") await client.erase(heldKey(key));
  }
};
