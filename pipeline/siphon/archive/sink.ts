import type { z } from "zod";
import type { Log } from "#nervous-system/kernel/log.ts";
import { readOnlyCa } from "#nervous-system/kernel/trusted-cas.ts";
import { createObjectClient, NoBucketError, type ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { createSignedFiles, type SignedFiles } from "#pipeline/archive-reader/signed-files.ts";
import { archiveLock, blobSettings } from "#pipeline/settings.ts";
import { erasedKeysOf, withoutErased } from "#pipeline/siphon/erased-frames.ts";
import type { Batch, EraseResult, Sink, SinkKind, SinkResult } from "#pipeline/siphon/sink.ts";
import { encodeFile } from "./encode-file.ts";
import { eraseInArchive, type ArchiveStore } from "./erase.ts";
import { createErasedKeys } from "./erased-keys.ts";
import { createKeptCuts } from "./kept-cuts.ts";
import { readManifestSigning, signingKeySettings } from "./key-settings.ts";
import { fileKey } from "./keys.ts";
import { createReleases, lockPuts, mustHaveLock, type PutLock } from "./lock.ts";
import { createManifestChain, type ManifestSigning } from "./manifest-chain.ts";
import { sha256Of } from "./manifest.ts";
import { placeFile } from "./place-file.ts";

/** Puts the file of a batch, and says what it is. */
const putFile = async (
  { client, manifests, log }: Pick<ArchiveStore, "client" | "manifests" | "log">,
  batch: Batch,
  file: Uint8Array,
  signal: AbortSignal,
): Promise<void> => {
  const { cut, frames } = batch;
  const { key, bytes } = await placeFile(client, { key: fileKey(cut), bytes: file }, batch, { log, signal });
  const entry = { key, cut, rows: frames.length, bytes: bytes.byteLength, sha256: sha256Of(bytes) };
  if (bytes === file || !(await manifests.has(entry))) await manifests.append(entry, signal);
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

/** By what manifests are signed, and for how long files are locked; neither is without it. */
export type ArchiveOptions = {
  readonly signing?: ManifestSigning | undefined;
  readonly lock?: PutLock | undefined;
  /** Told what in the bucket is not ours, which no method tells. */
  readonly log: Pick<Log, "error">;
};

/**
 * The archive: each cut a Parquet file in S3, never written over but by a revision of it, and a manifest that says what is in it,
 * signed where there is a key.
 */
export const createArchiveSink = (bucket: ObjectClient, { signing, lock, log }: ArchiveOptions): Sink => {
  const client = lock === undefined ? bucket : lockPuts(bucket, lock);
  const manifests = createManifestChain(client, signing, log);
  const signedFiles = (): SignedFiles | undefined => signing && createSignedFiles(bucket, signing.keys);
  let files = signedFiles();
  const releases = createReleases(() => ({ client: bucket, files }), lock);
  const erased = createErasedKeys(bucket);
  const { cuts, keepCut, forgetWithoutFiles } = createKeptCuts(client);
  return {
    prepare: async () => {
      manifests.forget();
      erased.forget();
      files = signedFiles();
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
        const written = { ...batch, frames: await withoutErased(erased, batch.frames) };
        const file = encoded(written);
        if (file.kind !== "file") return file;
        await putFile({ client, manifests, log }, written, file.bytes, signal);
        await releases.nowAndThen();
        return { kind: "written" };
      } catch (error) {
        return failed(error);
      }
    },
    erase: async (erasures, signal) => {
      try {
        await erased.keep(erasedKeysOf(erasures));
        await eraseInArchive({ client, manifests, erased, files, log }, erasures, signal);
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
  create: async (settings, { clock, log }) => {
    const lock = archiveLock(settings);
    return createArchiveSink(await openBucket(settings), {
      signing: await readManifestSigning(settings),
      lock: lock && { ...lock, clock },
      log,
    });
  },
  settles: true,
  limits: { maxFrames: 20_000, maxBytes: 16 * 1024 * 1024, lingerMs: 15_000, ackWaitMs: 180_000 },
};
