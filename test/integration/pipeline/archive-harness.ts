import { generateKeyPairSync } from "node:crypto";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { createSigner } from "#nervous-system/codecs/dsse.ts";
import { createObjectClient, type ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { readArchive } from "#pipeline/archive-reader/read-archive.ts";
import type { PutLock } from "#pipeline/siphon/archive/lock.ts";
import type { ManifestSigning } from "#pipeline/siphon/archive/manifest-chain.ts";
import { parseManifestKeys } from "#pipeline/siphon/archive/manifest-keys.ts";
import { createArchiveSink } from "#pipeline/siphon/archive/sink.ts";
import type { Sink } from "#pipeline/siphon/sink.ts";
import { startS3, type S3Server } from "#platform/stores/s3.ts";
import { temporaryDirectory, type Cleanup } from "./bus-harness.ts";

/** An S3 server with an archive in one of its buckets. */
export type TestArchive = {
  readonly server: S3Server;
  readonly bucket: string;
  readonly client: ObjectClient;
  /** By what its manifests are signed, and the same as files. */
  readonly signing: ManifestSigning;
  readonly keyFiles: { readonly ARCHIVE_SIGNING_KEY_FILE: string; readonly ARCHIVE_PUBLIC_KEYS_FILE: string };
  /** What sinks told of what in the bucket is not theirs. */
  readonly told: string[];
  /** Signs by its key unless told another one, or none. */
  sink(signing?: ManifestSigning | "unsigned", lock?: PutLock): Sink;
  /** Every frame as a reader sees it. */
  frames(): Promise<StoredFrame[]>;
  /** Names of the objects below a prefix. */
  keys(prefix: string): Promise<string[]>;
  /** Removes every object. */
  clear(): Promise<void>;
  /** Takes the bucket away under whoever writes to it. */
  loseBucket(): Promise<void>;
};

/** What a reader makes of frames that a stream stored again: each once, as it was stored last, in the order of places. */
export const foldFrames = (frames: readonly StoredFrame[]): StoredFrame[] => {
  const newest = new Map<string, StoredFrame>();
  for (const frame of frames) {
    const { agent_uid, epoch, seq, event_id } = frame.envelope;
    const key = JSON.stringify([agent_uid, epoch, seq, event_id]);
    if ((newest.get(key)?.storedNs ?? -1n) < frame.storedNs) newest.set(key, frame);
  }
  return [...newest.values()].toSorted((a, b) => a.place - b.place);
};

const ignoreMissing = (error: unknown): void => {
  if ((error as { code?: unknown } | null)?.code !== "ENOENT") throw error;
};

const bucket = "enchanted";

/** Makes a key that signs manifests behind older ones, whose public keys are given, and the PEM texts of both. */
export const makeArchiveKey = (olderKeys = "", lastUnsigned?: string) => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const privatePem = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  const publicPem = `${olderKeys}${publicKey.export({ format: "pem", type: "spki" }).toString()}`;
  const signing = { signer: createSigner(privatePem), keys: parseManifestKeys(publicPem, lastUnsigned) };
  return { privatePem, publicPem, signing };
};

/** Starts an S3 server; `objectLock`: the bucket is made as one that can lock. */
export const startTestArchive = async (cleanup: Cleanup, at?: string, objectLock = false): Promise<TestArchive> => {
  const dir = at ?? (await temporaryDirectory(cleanup));
  const server = await startS3({ dir });
  cleanup.add(() => server.stop());
  const { privatePem, publicPem, signing } = makeArchiveKey();
  const keyDir = await temporaryDirectory(cleanup);
  const keyFiles = {
    ARCHIVE_SIGNING_KEY_FILE: join(keyDir, "private.pem"),
    ARCHIVE_PUBLIC_KEYS_FILE: join(keyDir, "public.pem"),
  };
  await writeFile(keyFiles.ARCHIVE_SIGNING_KEY_FILE, privatePem);
  await writeFile(keyFiles.ARCHIVE_PUBLIC_KEYS_FILE, publicPem);
  const { endpoint, region, accessKey: accessKeyId, secretKey: secretAccessKey } = server;
  const open = (): ObjectClient =>
    createObjectClient({ endpoint, region, bucket, accessKeyId, secretAccessKey, objectLock, silenceMs: 10_000 });
  const client = open();
  cleanup.add(() => client.close());
  const keys = async (prefix: string): Promise<string[]> => {
    const found: string[] = [];
    for await (const { key } of client.list(prefix)) found.push(key);
    return found;
  };
  let lost = 0;
  const told: string[] = [];
  const log = { error: (_: unknown, message: string) => void told.push(message) };
  return {
    server,
    bucket,
    client,
    signing,
    keyFiles,
    told,
    sink: (by = signing, lock) => createArchiveSink(open(), { signing: by === "unsigned" ? undefined : by, lock, log }),
    frames: async () => {
      const frames: StoredFrame[] = [];
      for await (const { frame } of readArchive(client)) frames.push(frame);
      return frames;
    },
    keys,
    clear: async () => {
      for (const key of await keys("")) await client.delete(key);
    },
    loseBucket: async () => {
      // At once, for somebody may be writing to it.
      lost += 1;
      for (const part of ["objects", "attributes"])
        await rename(join(dir, part, bucket), join(dir, `${part}-${lost}`)).catch(ignoreMissing);
    },
  };
};
