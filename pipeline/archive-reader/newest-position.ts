import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { manifestKey, manifestsPrefix, parseManifestKey } from "#pipeline/siphon/archive/keys.ts";
import { newestNumber } from "#pipeline/siphon/archive/manifest-chain.ts";
import { noManifest, parseManifest, sha256Of } from "#pipeline/siphon/archive/manifest.ts";
import { parseJson, readObject } from "#pipeline/siphon/archive/read-object.ts";
import type { ArchivePosition } from "./walk-archive.ts";

type Client = Pick<ObjectClient, "list" | "get" | "size">;

/** The position behind the newest manifest, from which a walk sees only what comes. */
export const newestPosition = async (client: Client): Promise<ArchivePosition> => {
  // The quick search takes a manifest that is missing for the end.
  let number = await newestNumber(client);
  for await (const { key } of client.list(manifestsPrefix, manifestKey(number)))
    number = parseManifestKey(key) ?? number;
  const text = number === 0 ? undefined : await readObject(client, manifestKey(number));
  if (text === undefined) return { head: noManifest };
  const manifest = parseManifest(parseJson(text));
  return { head: { number, sha256: sha256Of(text) }, ...(manifest === undefined ? {} : { manifest }) };
};
