import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { erasedDigest } from "#nervous-system/schemas/erased.ts";
import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { readFile } from "#pipeline/archive-reader/read-file.ts";
import type { Batch } from "#pipeline/siphon/sink.ts";
import { nextRevision } from "./keys.ts";
import { sha256Of } from "./manifest.ts";
import { MAX_FILE_BYTES, readObject } from "./read-object.ts";

/** A file where it lies. */
export type PlacedFile = { readonly key: string; readonly bytes: Uint8Array };

/** Names that are tried: whoever plants more keeps the file from being written, which is told for as long. */
const MOST_NAMES = 100;

const saidOf = (frame: StoredFrame): string => {
  const { place, storedNs, principal = "", prevHash, hash, envelopeText, bytes } = frame;
  const digest = erasedDigest(bytes) ?? sha256Of(bytes);
  return JSON.stringify([place, String(storedNs), principal, prevHash, hash, envelopeText, digest]);
};

/** Words that were erased since may be there still; that words are gone, which nobody ordered to be erased, may not be. */
const isSame = (ours: StoredFrame, there: StoredFrame): boolean =>
  saidOf(ours) === saidOf(there) && (erasedDigest(there.bytes) === undefined || erasedDigest(ours.bytes) !== undefined);

/** Whether a file is of a cut and holds its frames, in whichever bytes: another version may have written it. */
const holdsFrames = async (file: Uint8Array, { cut, frames }: Batch): Promise<boolean> => {
  const content = await readFile(file).catch(() => undefined);
  if (content === undefined || content.frames.length !== frames.length) return false;
  const { stream, from, to, hash } = content.cut;
  if (stream !== cut.stream || from !== cut.from || to !== cut.to || hash !== cut.hash) return false;
  return frames.every((frame, at) => isSame(frame, content.frames[at]!));
};

/** What lies under a name, if that is these bytes or holds these frames. */
const readOurs = async (
  client: Pick<ObjectClient, "get" | "size">,
  { key, bytes }: PlacedFile,
  batch: Batch,
): Promise<Uint8Array | undefined> => {
  const size = await client.size(key);
  if (size === undefined) throw new Error(`${key} was there and is not any more`);
  if (size > MAX_FILE_BYTES) return undefined;
  const there = (await readObject(client, key)) ?? Buffer.of();
  return sha256Of(there) === sha256Of(bytes) || (await holdsFrames(there, batch)) ? there : undefined;
};

/**
 * Puts the file of a batch under its name, or finds it there. Where something else lies, which somebody planted, that stays, is told,
 * and the file gets the next name that is free: what is signed is what was to be written, and nothing of it is lost.
 */
export const placeFile = async (
  client: Pick<ObjectClient, "putIfAbsent" | "get" | "size">,
  file: PlacedFile,
  batch: Batch,
  { log, signal }: { readonly log: Pick<Log, "error">; readonly signal: AbortSignal },
): Promise<PlacedFile> => {
  let { key } = file;
  for (let tries = 0; tries < MOST_NAMES; tries += 1) {
    signal.throwIfAborted();
    if ((await client.putIfAbsent(key, file.bytes, signal)) === "stored") return { key, bytes: file.bytes };
    const there = await readOurs(client, { ...file, key }, batch);
    if (there !== undefined) return { key, bytes: there };
    log.error(
      { key },
      `${key} is not what the siphon writes there: it is left, not signed, and the file is put beside it`,
    );
    key = nextRevision(key);
  }
  throw new Error(`${file.key} and ${MOST_NAMES - 1} names behind it are taken by what the siphon did not write`);
};
