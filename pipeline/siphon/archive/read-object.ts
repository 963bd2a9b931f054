import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";

/** Largest file that is read, far above what any writer puts: one that is not ours must not fill the memory. */
export const MAX_FILE_BYTES = 128 * 1024 * 1024;

/** Reads an object whole; undefined when there is none. */
export const readObject = async (client: Pick<ObjectClient, "get">, key: string): Promise<Buffer | undefined> => {
  const body = await client.get(key);
  if (body === undefined) return undefined;
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts);
};

/** What JSON bytes say; undefined where they are none. */
export const parseJson = (bytes: Uint8Array | undefined): unknown => {
  try {
    return bytes === undefined ? undefined : JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
};
