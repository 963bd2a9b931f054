import type { Log } from "#nervous-system/kernel/log.ts";
import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { blobKey } from "#nervous-system/stores/s3/object-store.ts";
import { readFile, type FileContent } from "#pipeline/archive-reader/read-file.ts";
import type { SignedFiles } from "#pipeline/archive-reader/signed-files.ts";
import { withoutErased, type ErasedKeys } from "#pipeline/siphon/erased-frames.ts";
import type { Erasure } from "#pipeline/siphon/erasures.ts";
import { encodeFile } from "./encode-file.ts";
import { eraseOrHold } from "./held-objects.ts";
import { filesPrefix, heldKey, nextRevision, parseFileKey, type FilePlaces } from "./keys.ts";
import type { ManifestChain } from "./manifest-chain.ts";
import { sha256Of } from "./manifest.ts";
import { isReplaced } from "./newest-revision.ts";
import { placeFile } from "./place-file.ts";
import { MAX_FILE_BYTES, readObject } from "./read-object.ts";

/** Where an archive is, and what is known of it. */
export type ArchiveStore = {
  readonly client: ObjectClient;
  readonly manifests: ManifestChain;
  /** Keys of all that was ever ordered to be erased. */
  readonly erased: Omit<ErasedKeys, "keep">;
  /** Whose files are ours; undefined where nobody signs. */
  readonly files: SignedFiles | undefined;
  readonly log: Pick<Log, "error">;
};

/** Tells files in which one of these places lies. */
const createPlacesTest = (places: readonly number[]): ((file: Pick<FilePlaces, "from" | "to">) => boolean) => {
  const sorted = [...places].toSorted((a, b) => a - b);
  return ({ from, to }) => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((sorted[middle] ?? Infinity) < from) low = middle + 1;
      else high = middle;
    }
    return (sorted[low] ?? Infinity) <= to;
  };
};

/** Whether a lock alone keeps a file that another one is in the place of. A mark is anybody's, and so is the name of a revision. */
const isHeld = async ({ client, files }: Pick<ArchiveStore, "client" | "files">, key: string): Promise<boolean> =>
  (await client.size(heldKey(key))) !== undefined && (await isReplaced({ client, files }, key));

/**
 * The files that may hold frames of these erasures: by the places that each was stored at, in whichever stream. One that a lock
 * holds is in nobody's place any more.
 */
const filesOf = async (store: ArchiveStore, erasures: readonly Erasure[]): Promise<string[]> => {
  const isIn = createPlacesTest(erasures.flatMap((one) => one.places));
  const keys: string[] = [];
  for await (const { key } of store.client.list(filesPrefix)) {
    const file = parseFileKey(key);
    if (file !== undefined && isIn(file) && !(await isHeld(store, key))) keys.push(key);
  }
  return keys;
};

type Read = FileContent & { readonly isOurs: boolean };

/** Reads a file that may hold what is to be erased; undefined where it went away, or holds no frames and is nobody's. */
const readToErase = async ({ client, files, log }: ArchiveStore, key: string): Promise<Read | undefined> => {
  const isTooLarge = ((await client.size(key)) ?? 0) > MAX_FILE_BYTES;
  const bytes = isTooLarge ? Buffer.of() : await readObject(client, key);
  if (bytes === undefined) return undefined;
  const isOurs = files?.vouchesFor(key, bytes) ?? true;
  try {
    return { ...(await readFile(bytes)), isOurs };
  } catch (error) {
    if (isOurs) throw error;
    log.error({ key }, `${key} is no file of the archive, and whether words are in it nobody can tell: remove it`);
    return undefined;
  }
};

/**
 * Puts a file without what was erased in the place of a file that has it; answers whether there was anything to erase. One that no
 * believed manifest speaks of gets none: it is rid of the words, and nobody's as before.
 */
const reviseFile = async (store: ArchiveStore, replaces: string, signal: AbortSignal): Promise<boolean> => {
  const { client, manifests, erased, log } = store;
  const before = await readToErase(store, replaces);
  if (before === undefined) return false;
  const { cut, frames, isOurs } = before;
  const left = await withoutErased(erased, frames);
  if (left.every(({ bytes }, at) => bytes === frames[at]?.bytes)) return false;
  const batch = { cut, frames: left };
  // One that is there already is of an attempt that was broken off; what it still holds its own revision is without.
  const file = { key: nextRevision(replaces), bytes: encodeFile(batch) };
  const { key, bytes } = await placeFile(client, file, batch, { log, signal });
  const entry = { key, cut, replaces, rows: left.length, bytes: bytes.byteLength, sha256: sha256Of(bytes) };
  if (isOurs && !(await manifests.has(entry))) await manifests.append(entry, signal);
  await eraseOrHold(client, replaces);
  return true;
};

/**
 * Erases what frames say from the files of the archive, and their blobs: a file that holds one is replaced by its next revision,
 * of which a manifest of its own speaks. Whatever is killed in between is done again. What a lock holds is marked, to go later.
 */
export const eraseInArchive = async (
  store: ArchiveStore,
  erasures: readonly Erasure[],
  signal: AbortSignal,
): Promise<void> => {
  for (let found = true; found;) {
    found = false;
    await store.files?.readOn();
    for (const key of await filesOf(store, erasures)) {
      signal.throwIfAborted();
      found = (await reviseFile(store, key, signal)) || found;
    }
  }
  for (const { namespace, blobs } of erasures)
    for (const digest of blobs) await eraseOrHold(store.client, blobKey(namespace, digest));
};
