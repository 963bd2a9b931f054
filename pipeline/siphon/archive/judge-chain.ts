import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { judgeSignature, type ManifestKeys } from "./manifest-keys.ts";
import { noManifest, parseManifest, sha256Of, type ManifestHead } from "./manifest.ts";
import { readManifests, type ManifestBytes } from "./read-manifests.ts";

/** The first manifest of a chain that nobody is to vouch for, and why. */
export type RefusedManifest = { readonly key: string; readonly why: string };

type Place = { readonly head: ManifestHead; readonly reached: number };

const judgeNext = (keys: ManifestKeys, at: Place, { number, bytes }: ManifestBytes): Place | string => {
  const stored = parseManifest(bytes);
  if (stored === undefined) return "is no manifest";
  const { head } = at;
  const isNext = number === head.number + 1 && stored.manifest.number === number;
  if (!isNext || stored.manifest.previous !== head.sha256) return "does not follow the manifest before it";
  const { fault, reached } = judgeSignature(keys, stored, at);
  return fault ?? { head: { number, sha256: sha256Of(bytes) }, reached };
};

/** Walks over the whole chain; answers the first manifest that is not in its place, or not signed as it must be there; undefined where there is none. */
export const judgeChain = async (
  client: Pick<ObjectClient, "list" | "get">,
  keys: ManifestKeys,
): Promise<RefusedManifest | undefined> => {
  let at: Place = { head: noManifest, reached: 0 };
  let last = "";
  for await (const manifest of readManifests(client, 0)) {
    const next = judgeNext(keys, at, manifest);
    if (typeof next === "string") return { key: manifest.key, why: next };
    [at, last] = [next, manifest.key];
  }
  const mayEndHere = at.reached > 0 || keys.lastUnsigned === undefined || keys.lastUnsigned === at.head.sha256;
  return mayEndHere
    ? undefined
    : { key: last, why: "has no signature, and is not the one that archive.lastUnsigned names" };
};
