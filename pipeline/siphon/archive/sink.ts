import type { z } from "zod";
import { readOnlyCa } from "#nervous-system/kernel/trusted-cas.ts";
import { createObjectClient, NoBucketError, type ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { archiveLock, blobSettings } from "#pipeline/settings.ts";
import { erasedKeysOf, withoutErased } from "#pipeline/siphon/erased-frames.ts";
import type { Batch, EraseResult, Sink, SinkKind, SinkResult } from "#pipeline/siphon/sink.ts";
import { encodeFile } from "./encode-file.ts";
import { eraseInArchive } from "./erase.ts";
import { createErasedKeys } from "./erased-keys.ts";
import { createFileTenants } from "./file-tenants.ts";
import { createKeptCuts } from "./kept-cuts.ts";
import { readManifestSigning, signingKeySettings } from "./key-settings.ts";
import { fileKey } from "./keys.ts";
import { createReleases, lockPuts, mustHaveLock, type PutLock } from "./lock.ts";
import { createManifestChain, type FileEntry, type ManifestChain, type ManifestSigning } from "./manifest-chain.ts";
import { sha256Of } from "./manifest.ts";
import { readObject } from "./read-object.ts";

type Store = { readonly client: ObjectClient; readonly manifests: ManifestChain };

/** What the file of a batch is: the one that was there before, else the one of these bytes. */
const putFile = async ({ client, manifests }: Store, batch: Batch, bytes: Uint8Array, signal: AbortSignal) => {
  const { cut, frames } = batch;
  const key = fileKey(cut);
  const entryOf = (file: Uint8Array): FileEntry => {
    return { key, cut, rows: frames.length, bytes: file.byteLength, sha256: sha256Of(file) };
  };
  if ((await client.putIfAbsent(key, bytes, signal)) === "stored") return entryOf(bytes);
  if (await manifests.has(key)) return undefined;
  // Whoever wrote it may have been another version, whose bytes are others.
  const file = await readObject(client, key);
  if (file === undefined) throw new Error(`${key} was there and is not any more`);
  return entryOf(file);
};

const failed = (error: unknown): EraseResult => {
  const reason = `the archive cannot be written: ${error instanceof Error ? error.message : String(error)}`;
  return error instanceof NoBucketError ? { kind: "lost", reason } : { kind: "retryable", reason };
};

/** The file of a batch, or why none can be made of it. */
const encoded = (batch: Batch): SinkResult | { readonly kind: "file"; readonly bytes: Uint8Array } => {
  try {
    return { kind: "file", bytes: encodeFile(batch) };
  } catch (error) {
    return { kind: "rejected", reason: `no row can be made of the frame: ${String(error)}` };
  }
};

/** Some ten megabytes; who orders what lies in more has them read. */
const MAX_KNOWN_FILES = 50_000;

/** By what manifests are signed, and for how long files are locked; neither is without it. */
export type ArchiveOptions = {
  readonly signing?: ManifestSigning | undefined;
  readonly lock?: PutLock | undefined;
};

/**
 * The archive: each cut a Parquet file in S3, never written over but by a revision of it, and a manifest that says what is in it,
 * signed where there is a key.
 */
export const createArchiveSink = (bucket: ObjectClient, { signing, lock }: ArchiveOptions = {}): Sink => {
  const client = lock === undefined ? bucket : lockPuts(bucket, lock);
  const manifests = createManifestChain(client, signing);
  const releases = createReleases(bucket, lock);
  const erased = createErasedKeys(bucket);
  const tenants = createFileTenants(MAX_KNOWN_FILES);
  const { cuts, keepCut, forgetWithoutFiles } = createKeptCuts(client);
  return {
    prepare: async () => {
      manifests.forget();
      erased.forget();
      await client.ensureBucket();
      if (lock !== undefined) await mustHaveLock(bucket);
      await forgetWithoutFiles();
      await manifests.seal(new AbortController().signal);
      await releases.now();
    },
    cuts,
    keepCut,
    write: async (batch, signal) => {
      if (batch.frames.length === 0) return { kind: "written" };
      try {
        signal.throwIfAborted();
        const file = encoded({ ...batch, frames: await withoutErased(erased, batch.frames) });
        if (file.kind !== "file") return file;
        tenants.note(fileKey(batch.cut), batch.frames);
        const entry = await putFile({ client, manifests }, batch, file.bytes, signal);
        if (entry !== undefined) await manifests.append(entry, signal);
        await releases.nowAndThen();
        return { kind: "written" };
      } catch (error) {
        return failed(error);
      }
    },
    erase: async (erasures, signal) => {
      try {
        await erased.keep(erasedKeysOf(erasures));
        await eraseInArchive({ client, manifests, tenants }, erasures, signal);
        return { kind: "written" };
      } catch (error) {
        return failed(error);
      }
    },
    close: async () => client.close(),
  };
};

const SILENCE_MS = 30_000;

/** Opens the bucket that the settings name. */
export const openBucket = async (settings: z.output<typeof blobSettings>): Promise<ObjectClient> =>
  createObjectClient({
    endpoint: settings.S3_ENDPOINT,
    caPem: await readOnlyCa(settings.S3_CA_FILE),
    region: settings.S3_REGION,
    bucket: settings.S3_BUCKET,
    objectLock: settings.ARCHIVE_LOCK_MODE !== undefined,
    accessKeyId: settings.S3_ACCESS_KEY_ID,
    secretAccessKey: settings.S3_SECRET_ACCESS_KEY,
    silenceMs: SILENCE_MS,
  });

const archiveSettings = blobSettings.extend(signingKeySettings.shape);

/**
 * The archive's line in the registry. A file is due fifteen seconds after its first frame: where a log is cut at settled,
 * a pod that ends waits for that within its thirty seconds of draining. What a batch holds is bounded by the siphon's memory.
 */
export const archive: SinkKind<typeof archiveSettings> = {
  name: "archive",
  settings: archiveSettings,
  create: async (settings, { clock }) => {
    const lock = archiveLock(settings);
    return createArchiveSink(await openBucket(settings), {
      signing: await readManifestSigning(settings),
      lock: lock && { ...lock, clock },
    });
  },
  settles: true,
  limits: { maxFrames: 20_000, maxBytes: 16 * 1024 * 1024, lingerMs: 15_000, ackWaitMs: 180_000 },
};
