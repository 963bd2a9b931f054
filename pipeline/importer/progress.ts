import * as z from "zod";
import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import type { ArchivePoint } from "#pipeline/archive-reader/read-archive.ts";
import { importKey } from "#pipeline/siphon/archive/keys.ts";
import { parseJson, readObject } from "#pipeline/siphon/archive/read-object.ts";

const point = z.object({ folder: z.string(), place: z.int().min(0) });

/** How far an import into a sink has come; kept in the bucket until it is through. */
export type ImportProgress = {
  /** The last frame that the sink has; undefined before the first. */
  read(): Promise<ArchivePoint | undefined>;
  keep(reached: ArchivePoint): Promise<void>;
  forget(): Promise<void>;
};

/** Creates the progress of a sink's import. */
export const createImportProgress = (client: ObjectClient, sink: string): ImportProgress => {
  const key = importKey(sink);
  return {
    read: async () => point.safeParse(parseJson(await readObject(client, key))).data,
    keep: async ({ folder, place }) => {
      const bytes = Buffer.from(JSON.stringify({ folder, place }));
      await client.put(key, bytes, bytes.length);
    },
    forget: () => client.delete(key),
  };
};
