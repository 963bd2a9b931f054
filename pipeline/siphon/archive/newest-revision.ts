import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { firstRevision, revisionsPrefix } from "./keys.ts";

// `.r10` stands before `.r9` in the order of names.
const isLater = (one: string, other: string): boolean =>
  one.length === other.length ? one > other : one.length > other.length;

/** Name of the newest revision of a file that has taken its place; undefined where it is the newest itself. */
export const newestRevision = async (client: Pick<ObjectClient, "list">, key: string): Promise<string | undefined> => {
  let newest = key;
  for await (const { key: one } of client.list(revisionsPrefix(key)))
    if (firstRevision(one) === firstRevision(key) && isLater(one, newest)) newest = one;
  return newest === key ? undefined : newest;
};
