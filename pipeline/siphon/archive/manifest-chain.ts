import type { Signer } from "#nervous-system/codecs/dsse.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { manifestKey } from "./keys.ts";
import { judgeChain } from "./judge-chain.ts";
import type { ManifestKeys } from "./manifest-keys.ts";
import {
  manifestBytes,
  noManifest,
  parseManifest,
  sha256Of,
  type Manifest,
  type ManifestHead,
  type StoredManifest,
} from "./manifest.ts";
import { readObject } from "./read-object.ts";

/** What a file is, before it has its place among the manifests. */
type FileEntry = Omit<Manifest, "number" | "previous">;

/** The chain of manifests, which grows at its end only. */
export type ManifestChain = {
  /** Says of a file what it is, unless one of the last manifests says it. */
  append(entry: FileEntry, signal: AbortSignal): Promise<void>;
  /** Whether one of the last manifests says of a file what we would. */
  has(entry: FileEntry): Promise<boolean>;
  /**
   * Says the last manifest again, signed, where that is not signed by our key: from there on nobody can cut the chain back to it. Not
   * where anything in the chain is refused, which is told.
   */
  seal(signal: AbortSignal): Promise<void>;
  /** Looks for the end anew with the next question. */
  forget(): void;
};

/** How far back a file's manifest is looked for: four hours of the smallest files. Further back one more says the same again. */
const LOOK_BACK = 1000;

/** Who signs manifests, and the keys of those that did before. */
export type ManifestSigning = { readonly signer: Signer; readonly keys: ManifestKeys };

type Read = { readonly stored: StoredManifest | undefined; readonly head: ManifestHead };

const readManifest = async (client: ObjectClient, number: number): Promise<Read | undefined> => {
  const bytes = await readObject(client, manifestKey(number));
  if (bytes === undefined) return undefined;
  return { stored: parseManifest(bytes), head: { number, sha256: sha256Of(bytes) } };
};

/** Number of the last manifest, 0 for none, by few questions however many there are: they are numbered without a gap. */
export const newestNumber = async (client: Pick<ObjectClient, "size">): Promise<number> => {
  const isThere = async (number: number): Promise<boolean> => (await client.size(manifestKey(number))) !== undefined;
  let [there, beyond] = [0, 1];
  while (await isThere(beyond)) [there, beyond] = [beyond, beyond * 2];
  while (beyond - there > 1) {
    const middle = Math.floor((there + beyond) / 2);
    if (await isThere(middle)) there = middle;
    else beyond = middle;
  }
  return there;
};

/**
 * Creates the chain in a bucket. Each manifest is put where none is, so that two writers at once make one chain: who finds
 * the place taken goes on behind it.
 */
export const createManifestChain = (
  client: ObjectClient,
  signing: ManifestSigning | undefined,
  log: Pick<Log, "error">,
): ManifestChain => {
  let known: Promise<ManifestHead> | undefined;

  const find = async (): Promise<ManifestHead> =>
    (await readManifest(client, await newestNumber(client)))?.head ?? noManifest;
  const head = (): Promise<ManifestHead> =>
    (known ??= find().catch((error: unknown) => {
      known = undefined;
      throw error;
    }));

  const isByUs = (stored: StoredManifest | undefined): boolean =>
    stored !== undefined && (signing === undefined || signing.keys.signedBy(stored) === signing.keys.newest);

  /** Whether a manifest says this, and is ours: anybody with the bucket's credentials can write one that is not. */
  const isOurs = (stored: StoredManifest | undefined, { key, replaces, sha256 }: FileEntry): boolean => {
    const { manifest } = stored ?? {};
    const isSaid = manifest?.key === key && manifest.replaces === replaces && manifest.sha256 === sha256;
    return isSaid && isByUs(stored);
  };

  const has = async (entry: FileEntry): Promise<boolean> => {
    const { number: newest } = await head();
    for (let number = newest; number > Math.max(0, newest - LOOK_BACK); number -= 1)
      if (isOurs((await readManifest(client, number))?.stored, entry)) return true;
    return false;
  };

  const append = async (entry: FileEntry, signal: AbortSignal): Promise<void> => {
    for (;;) {
      signal.throwIfAborted();
      const { number: last, sha256: previous } = await head();
      const number = last + 1;
      const bytes = manifestBytes({ number, ...entry, previous }, signing?.signer);
      if ((await client.putIfAbsent(manifestKey(number), bytes, signal)) === "stored") {
        known = Promise.resolve({ number, sha256: sha256Of(bytes) });
        return;
      }
      const taken = await readManifest(client, number);
      if (taken !== undefined) known = Promise.resolve(taken.head);
      // An attempt of ours whose answer was lost.
      if (isOurs(taken?.stored, entry)) return;
    }
  };

  const seal = async (signal: AbortSignal): Promise<void> => {
    const { number } = await head();
    if (signing === undefined || number === 0) return;
    const last = (await readManifest(client, number))?.stored;
    if (isByUs(last)) return;
    const refused = await judgeChain(client, signing.keys);
    if (refused === undefined && last !== undefined) {
      const { number: _, previous: __, ...entry } = last.manifest;
      await append(entry, signal);
      return;
    }
    // Whatever we sign is believed, and what it follows with it; files that are written from now on are signed as ever.
    log.error({ manifest: refused?.key }, `the archive's chain is not sealed: ${refused?.key} ${refused?.why}`);
  };

  return { append, has, seal, forget: () => (known = undefined) };
};
