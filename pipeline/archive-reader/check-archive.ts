import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { filesPrefix, manifestsPrefix, parseFileKey, parseManifestKey } from "#pipeline/siphon/archive/keys.ts";
import {
  noManifest,
  parseManifest,
  sha256Of,
  type Manifest,
  type ManifestHead,
} from "#pipeline/siphon/archive/manifest.ts";
import { parseJson, readObject } from "#pipeline/siphon/archive/read-object.ts";

/** What a check of the archive found: files that are what their manifests say, and everything that is not as it should be. */
export type ArchiveCheck = { readonly files: number; readonly faults: readonly string[] };

type Client = Pick<ObjectClient, "list" | "get">;

/** What is wrong with a manifest behind the one before it. */
const manifestFault = (key: string, manifest: Manifest | undefined, before: ManifestHead): string | undefined => {
  if (manifest === undefined) return `${key} is no manifest`;
  if (manifest.number !== parseManifestKey(key)) return `${key} has number ${manifest.number}`;
  if (manifest.number !== before.number + 1)
    return `manifests ${before.number + 1} to ${manifest.number - 1} are missing`;
  return manifest.previous === before.sha256 ? undefined : `${key} does not follow the manifest before it`;
};

/** What is wrong with the file of a manifest. */
const fileFault = async (client: Client, { key, bytes, sha256 }: Manifest): Promise<string | undefined> => {
  const file = await readObject(client, key);
  if (file === undefined) return `${key} is missing`;
  const isSame = file.length === bytes && sha256Of(file) === sha256;
  return isSame ? undefined : `${key} is not the file that was written`;
};

const checkManifests = async (client: Client, named: Set<string>, faults: string[]): Promise<void> => {
  let before = noManifest;
  for await (const { key } of client.list(manifestsPrefix)) {
    const text = await readObject(client, key);
    const manifest = parseManifest(parseJson(text));
    const found = [manifestFault(key, manifest, before)];
    if (manifest !== undefined && !named.has(manifest.key)) found.push(await fileFault(client, manifest));
    faults.push(...found.filter((fault) => fault !== undefined));
    before = { number: parseManifestKey(key) ?? before.number, sha256: sha256Of(text ?? Buffer.of()) };
    if (manifest !== undefined) named.add(manifest.key);
  }
};

/**
 * Reads the archive whole and says which file or manifest is missing, changed, or nobody's. The end of the chain tells
 * nothing of what was cut off behind it.
 */
export const checkArchive = async (client: Client): Promise<ArchiveCheck> => {
  const [named, faults] = [new Set<string>(), new Array<string>()];
  // Before the manifests are read: a file that is written meanwhile has none yet.
  const files: string[] = [];
  for await (const { key } of client.list(filesPrefix)) files.push(key);
  await checkManifests(client, named, faults);
  for (const key of files)
    if (parseFileKey(key) === undefined || !named.has(key)) faults.push(`no manifest speaks of ${key}`);
  return { files: named.size, faults };
};
