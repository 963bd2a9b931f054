import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { eachAtOnce } from "#nervous-system/kernel/each-at-once.ts";
import { erase } from "#nervous-system/schemas/erased.ts";
import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { blobKey } from "#nervous-system/stores/s3/object-store.ts";
import { readFile } from "#pipeline/archive-reader/read-file.ts";
import { createErasedTest } from "#pipeline/siphon/erased-frames.ts";
import type { Erasure } from "#pipeline/siphon/erasures.ts";
import { encodeFile } from "./encode-file.ts";
import type { FileTenants } from "./file-tenants.ts";
import { eraseOrHold } from "./held-objects.ts";
import { filesPrefix, heldKey, nextRevision, parseFileKey, type FilePlaces } from "./keys.ts";
import type { ManifestChain } from "./manifest-chain.ts";
import { sha256Of } from "./manifest.ts";
import { newestRevision } from "./newest-revision.ts";
import { readObject } from "./read-object.ts";

/** Where an archive is, and what is known of its files. */
export type ArchiveStore = {
  readonly client: ObjectClient;
  readonly manifests: ManifestChain;
  readonly tenants: FileTenants;
};

/** Blobs that are deleted at once. */
const BLOBS_AT_ONCE = 8;

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

/** Whether another file is in its place, and a lock alone keeps it. */
const isHeld = async (client: Pick<ObjectClient, "list" | "size">, key: string): Promise<boolean> =>
  (await client.size(heldKey(key))) !== undefined && (await newestRevision(client, key)) !== undefined;

/** Tells files that may hold frames of these erasures: by the places that each was stored at, in whichever stream, and whose it was. */
const createFilesTest = (tenants: FileTenants, erasures: readonly Erasure[]): ((key: string) => boolean) => {
  const tests = [...Map.groupBy(erasures, ({ namespace }) => namespace)].map(([namespace, own]) => {
    const isIn = createPlacesTest(own.flatMap(({ places }) => places));
    return (key: string, file: FilePlaces): boolean => isIn(file) && tenants.mayHold(key, namespace);
  });
  return (key) => {
    const file = parseFileKey(key);
    return file !== undefined && tests.some((mayHold) => mayHold(key, file));
  };
};

/** The files that may hold frames of these erasures. One that a lock holds is in nobody's place any more. */
const filesOf = async ({ client, tenants }: ArchiveStore, erasures: readonly Erasure[]): Promise<string[]> => {
  const mayHold = createFilesTest(tenants, erasures);
  const keys: string[] = [];
  for await (const { key } of client.list(filesPrefix)) {
    if (mayHold(key) && !(await isHeld(client, key))) keys.push(key);
  }
  return keys;
};

const erasedIn = (frames: readonly StoredFrame[], erasures: readonly Erasure[]): StoredFrame[] => {
  const isMeant = createErasedTest(erasures);
  return frames.map((frame) => {
    const bytes = isMeant(frame) ? erase(frame.bytes) : frame.bytes;
    return bytes === frame.bytes ? frame : { ...frame, bytes };
  });
};

/** Puts a file without what was erased in the place of a file that has it; answers whether there was anything to erase. */
const reviseFile = async (
  { client, manifests, tenants }: ArchiveStore,
  replaces: string,
  erasures: readonly Erasure[],
  signal: AbortSignal,
): Promise<boolean> => {
  const before = await readObject(client, replaces);
  if (before === undefined) return false;
  const { cut, frames } = await readFile(before);
  tenants.note(replaces, frames);
  const left = erasedIn(frames, erasures);
  if (left.every((frame, at) => frame === frames[at])) return false;
  const key = nextRevision(replaces);
  const bytes = encodeFile({ cut, frames: left });
  // One that is there is ours, of an attempt that was broken off; what it still holds its own revision is without.
  const file = (await client.putIfAbsent(key, bytes, signal)) === "stored" ? bytes : await readObject(client, key);
  if (file === undefined) throw new Error(`${key} was there and is not any more`);
  const entry = { key, cut, replaces, rows: frames.length, bytes: file.byteLength, sha256: sha256Of(file) };
  if (!(await manifests.has(key))) await manifests.append(entry, signal);
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
    for (const key of await filesOf(store, erasures)) {
      signal.throwIfAborted();
      found = (await reviseFile(store, key, erasures, signal)) || found;
    }
  }
  const blobs = erasures.flatMap(({ namespace, blobs: digests }) => digests.map((one) => blobKey(namespace, one)));
  await eachAtOnce([...new Set(blobs)], BLOBS_AT_ONCE, (key) => eraseOrHold(store.client, key));
};
