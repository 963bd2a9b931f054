import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ObjectClient } from "./object-client.ts";

/** Largest blob, bytes. */
const MAX_BLOB_BYTES = 64 * 1024 * 1024;

/** A blob that is too large, or whose digest or namespace is none. */
class BlobRefusedError extends Error {
  override readonly name = "BlobRefusedError";
}

/** Where a stored blob is found again. */
type StoredBlob = {
  /** `sha256:` and 64 hex digits. */
  readonly digest: string;
  readonly size: number;
};

/** Told how large a blob is before it is stored, unless it is stored already; answers what takes that back, and rejects to refuse it. */
type Reserve = (bytes: number) => Promise<() => Promise<void>>;

/** Blobs by their content, apart by namespace. */
export type ObjectStore = {
  /** Stores bytes and answers their digest. */
  put(namespace: string, bytes: Uint8Array): Promise<string>;
  /** Stores a stream, on disk in between; nothing is stored when the stream fails or is too large. */
  putStream(namespace: string, chunks: AsyncIterable<Uint8Array>, reserve?: Reserve): Promise<StoredBlob>;
  /** Reads a blob; undefined when the namespace has none of that digest. Throws midway when what is stored is not what was asked for. */
  get(namespace: string, digest: string): Promise<AsyncIterable<Buffer> | undefined>;
};

/** What an object store is made of. */
export type ObjectStoreOptions = {
  readonly client: ObjectClient;
  /** Directory for uploads in progress. */
  readonly spoolDir: string;
  readonly maxBytes?: number;
};

const DIGEST = /^sha256:([0-9a-f]{64})$/;
const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** Where a blob lies in the bucket; throws `BlobRefusedError` where digest or namespace is none. */
export const blobKey = (namespace: string, digest: string): string => {
  const hex = DIGEST.exec(digest)?.[1];
  if (hex === undefined) throw new BlobRefusedError('a blob is named "sha256:" and 64 hex digits');
  if (!NAMESPACE.test(namespace))
    throw new BlobRefusedError(`${JSON.stringify(namespace.slice(0, 80))} is not the name of a namespace`);
  return `${namespace}/blobs/sha256/${hex}`;
};

async function* verified(body: AsyncIterable<Uint8Array>, digest: string): AsyncGenerator<Buffer> {
  const hash = createHash("sha256");
  for await (const chunk of body) {
    hash.update(chunk);
    yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
  if (`sha256:${hash.digest("hex")}` !== digest)
    throw new Error(`the object stored as ${digest} has other content; it must be written again`);
}

/** Makes a directory for uploads in progress, and lets go of what a process that was killed left there; nobody else may use it. */
export const emptySpool = async (spoolDir: string): Promise<string> => {
  await rm(spoolDir, { recursive: true, force: true });
  await mkdir(spoolDir, { recursive: true, mode: 0o700 });
  return spoolDir;
};

/** Creates blobs over one bucket. */
export const createObjectStore = (options: ObjectStoreOptions): ObjectStore => {
  const { client, spoolDir } = options;
  const maxBytes = options.maxBytes ?? MAX_BLOB_BYTES;
  const tooLarge = (): BlobRefusedError => new BlobRefusedError(`a blob is at most ${maxBytes} bytes`);

  const spool = async (file: string, chunks: AsyncIterable<Uint8Array>): Promise<StoredBlob> => {
    const hash = createHash("sha256");
    let size = 0;
    const handle = await open(file, "wx");
    try {
      for await (const chunk of chunks) {
        size += chunk.byteLength;
        if (size > maxBytes) throw tooLarge();
        hash.update(chunk);
        await handle.writeFile(chunk);
      }
    } finally {
      await handle.close();
    }
    return { digest: `sha256:${hash.digest("hex")}`, size };
  };

  const isStored = async (key: string, size: number): Promise<boolean> => (await client.size(key)) === size;

  const store = async (key: string, file: string, size: number, reserve?: Reserve): Promise<void> => {
    if (await isStored(key, size)) return;
    const giveBack = await reserve?.(size);
    try {
      await client.put(key, createReadStream(file), size);
    } catch (error) {
      await giveBack?.();
      throw error;
    }
  };

  return {
    put: async (namespace, bytes) => {
      if (bytes.byteLength > maxBytes) throw tooLarge();
      const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
      const key = blobKey(namespace, digest);
      if (!(await isStored(key, bytes.byteLength))) await client.put(key, bytes, bytes.byteLength);
      return digest;
    },
    putStream: async (namespace, chunks, reserve) => {
      const dir = await mkdtemp(join(spoolDir, "blob-"));
      const file = join(dir, "blob");
      try {
        const blob = await spool(file, chunks);
        await store(blobKey(namespace, blob.digest), file, blob.size, reserve);
        return blob;
      } finally {
        await rm(dir, { recursive: true, force: true });
      }
    },
    get: async (namespace, digest) => {
      const body = await client.get(blobKey(namespace, digest));
      return body && verified(body, digest);
    },
  };
};
