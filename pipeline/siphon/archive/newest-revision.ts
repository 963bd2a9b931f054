import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import type { SignedFiles } from "#pipeline/archive-reader/signed-files.ts";
import { firstRevision, revisionsPrefix } from "./keys.ts";

// `.r10` stands before `.r9` in the order of names.
const isLater = (one: string, other: string): boolean =>
  one.length === other.length ? one > other : one.length > other.length;

/** Whether a name is that of a later revision of the same file. */
export const isLaterRevision = (key: string, of: string): boolean =>
  firstRevision(key) === firstRevision(of) && isLater(key, of);

/** Name of the newest revision of a file that has taken its place; undefined where it is the newest itself. */
export const newestRevision = async (client: Pick<ObjectClient, "list">, key: string): Promise<string | undefined> => {
  let newest = key;
  for await (const { key: one } of client.list(revisionsPrefix(key))) if (isLaterRevision(one, newest)) newest = one;
  return newest === key ? undefined : newest;
};

/** Whether another file is in the place of one: a revision is there and, where manifests are signed, a believed one says so. */
export const isReplaced = async (
  {
    client,
    files,
  }: { readonly client: Pick<ObjectClient, "list">; readonly files: Pick<SignedFiles, "isReplaced"> | undefined },
  key: string,
): Promise<boolean> =>
  (files === undefined || files.isReplaced(key)) && (await newestRevision(client, key)) !== undefined;
