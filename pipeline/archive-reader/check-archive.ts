import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { filesPrefix } from "#pipeline/siphon/archive/keys.ts";
import type { ManifestKeys } from "#pipeline/siphon/archive/manifest-keys.ts";
import { archiveStart, stepArchive, type ArchivePosition } from "./walk-archive.ts";

/** What a check of the archive found: files that manifests speak of, and everything that is not as it should be. */
export type ArchiveCheck = { readonly files: number; readonly faults: readonly string[] };

type Client = Pick<ObjectClient, "list" | "get" | "size">;

const newestFile = async (client: Client): Promise<string> => {
  let newest = "";
  for await (const { key } of client.list(filesPrefix)) newest = key;
  return newest;
};

/**
 * Walks over the archive whole and says which file or manifest is missing, changed, not signed as it must be (where `keys` are
 * given), or nobody's. The end of the chain tells nothing of what was cut off behind it.
 */
export const checkArchive = async (client: Client, keys?: ManifestKeys): Promise<ArchiveCheck> => {
  // Before the manifests are read: a file that is written meanwhile has none yet.
  const newest = await newestFile(client);
  const options = { client, keys, newest: 0, isDue: (key: string) => key <= newest };
  const faults: string[] = [];
  let files = 0;
  for (let at: ArchivePosition | undefined = archiveStart; at !== undefined;) {
    const step = await stepArchive(options, at);
    faults.push(...step.faults.map(({ message }) => message));
    files += step.manifest === undefined ? 0 : 1;
    at = step.next;
  }
  return { files, faults };
};
