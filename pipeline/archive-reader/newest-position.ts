import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { manifestKey, manifestsPrefix, parseManifestKey } from "#pipeline/siphon/archive/keys.ts";
import { newestNumber } from "#pipeline/siphon/archive/manifest-chain.ts";
import type { ManifestKeys, ReachedKey } from "#pipeline/siphon/archive/manifest-keys.ts";
import { noManifest, parseManifest, sha256Of, type Manifest } from "#pipeline/siphon/archive/manifest.ts";
import { readObject } from "#pipeline/siphon/archive/read-object.ts";
import type { ArchivePosition } from "./walk-archive.ts";

type Client = Pick<ObjectClient, "list" | "get" | "size">;

/** The last manifest up to a number that is about what was written, not about what was erased of that. */
const newestWritten = async (client: Client, upTo: number): Promise<Manifest | undefined> => {
  for (let number = upTo; number > 0; number -= 1) {
    const manifest = parseManifest(await readObject(client, manifestKey(number)))?.manifest;
    if (manifest?.replaces === undefined) return manifest;
  }
  return undefined;
};

/** Behind one that nobody may have signed, whatever comes must be signed by the newest key. */
const reachedWith = (keys: ManifestKeys, text: Uint8Array): ReachedKey => {
  const stored = parseManifest(text);
  return (stored && keys.signedBy(stored)) ?? keys.newest;
};

/** The position behind the newest manifest, from which a walk sees only what comes. */
export const newestPosition = async (client: Client, keys?: ManifestKeys): Promise<ArchivePosition> => {
  // The quick search takes a manifest that is missing for the end.
  let number = await newestNumber(client);
  for await (const { key } of client.list(manifestsPrefix, manifestKey(number)))
    number = parseManifestKey(key) ?? number;
  const text = number === 0 ? undefined : await readObject(client, manifestKey(number));
  if (text === undefined) return { head: noManifest };
  const manifest = await newestWritten(client, number);
  const reached = keys === undefined ? 0 : reachedWith(keys, text);
  return { head: { number, sha256: sha256Of(text) }, reached, ...(manifest === undefined ? {} : { manifest }) };
};
