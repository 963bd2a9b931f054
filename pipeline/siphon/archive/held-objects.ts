import * as z from "zod";
import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import type { SignedFiles } from "#pipeline/archive-reader/signed-files.ts";
import { heldKey, heldPrefix, parseFileKey } from "./keys.ts";
import { isReplaced } from "./newest-revision.ts";
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

type Mark = { readonly mark: string; readonly held?: HeldObject | undefined };

async function* marksBehind(client: Pick<ObjectClient, "list" | "get">, after?: string): AsyncGenerator<Mark> {
  for await (const { key: mark } of client.list(heldPrefix, after)) {
    const { data } = heldSchema.safeParse(parseJson(await readObject(client, mark)));
    // A mark says only what stands under its name.
    yield { mark, held: data !== undefined && heldKey(data.key) === mark ? data : undefined };
  }
}

/** Reads what a bucket holds though it was to be erased, of `most` marks. */
export async function* heldObjects(
  client: Pick<ObjectClient, "list" | "get">,
  most: number = Infinity,
): AsyncGenerator<HeldObject> {
  let read = 0;
  for await (const { held } of marksBehind(client)) {
    if ((read += 1) > most) return;
    if (held !== undefined) yield held;
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

/** Whose objects are let go of, and whose files are ours: undefined where nobody signs. */
export type HoldingStore = {
  readonly client: Pick<ObjectClient, "list" | "get" | "erase" | "put">;
  readonly files: SignedFiles | undefined;
};

const release = async (store: HoldingStore, { key, untilMs = 0 }: HeldObject, nowMs: number): Promise<void> => {
  const { client, files } = store;
  if (untilMs > nowMs) return;
  if (parseFileKey(key) !== undefined) {
    // A mark is signed by nobody: a file goes only where another is in its place.
    await files?.readOn();
    if (!(await isReplaced(store, key))) return;
  }
  if ((await client.erase(key)).kind === "gone") await client.erase(heldKey(key));
};

/**
 * Erases what its store need not hold any more, of the `most` marks behind one. Answers the last that it read, behind which there are
 * more; undefined where there are none.
 */
export const eraseReleased = async (
  store: HoldingStore,
  nowMs: number,
  { after, most }: { readonly after: string | undefined; readonly most: number },
): Promise<string | undefined> => {
  let [read, last] = [0, after];
  for await (const { mark, held } of marksBehind(store.client, after)) {
    if ((read += 1) > most) return last;
    last = mark;
    if (held !== undefined) await release(store, held, nowMs);
  }
  return undefined;
};
