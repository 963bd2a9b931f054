import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { manifestKey, manifestsPrefix, parseManifestKey } from "./keys.ts";
import { readObject } from "./read-object.ts";

/** Manifests that are asked for at once. */
const AT_ONCE = 16;

type Named = { readonly key: string; readonly number: number };

/** A manifest by its name, and its bytes: empty where it went away meanwhile. */
export type ManifestBytes = Named & { readonly bytes: Buffer };

async function* groupsBehind(client: Pick<ObjectClient, "list">, number: number): AsyncGenerator<Named[]> {
  let group: Named[] = [];
  for await (const { key } of client.list(manifestsPrefix, manifestKey(number))) {
    const named = parseManifestKey(key);
    if (named !== undefined) group.push({ key, number: named });
    if (group.length < AT_ONCE) continue;
    yield group;
    group = [];
  }
  yield group;
}

/** Reads the manifests behind a number, in the order of theirs. */
export async function* readManifests(
  client: Pick<ObjectClient, "list" | "get">,
  after: number,
): AsyncGenerator<ManifestBytes> {
  for await (const group of groupsBehind(client, after)) {
    const texts = await Promise.all(group.map(({ key }) => readObject(client, key)));
    for (const [at, named] of group.entries()) yield { ...named, bytes: texts[at] ?? Buffer.of() };
  }
}
