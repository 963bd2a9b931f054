import { zstdDecompressSync } from "node:zlib";
import { parquetMetadata, parquetReadObjects, type AsyncBuffer, type FileMetaData } from "hyparquet";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { cutSchema } from "#pipeline/siphon/archive/manifest.ts";
import type { Cut } from "#pipeline/siphon/sink.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";

/** Times and texts stay what they are: nanoseconds, and bytes that a hash covers. */
const parsers = {
  timestampFromNanoseconds: (ns: bigint): bigint => ns,
  stringFromBytes: (bytes: Uint8Array): Uint8Array => bytes,
};

const compressors = {
  ZSTD: (page: Uint8Array, size: number): Uint8Array =>
    zstdDecompressSync(page, { maxOutputLength: Math.max(1, size) }),
};

/** A file that is in memory, as its reader wants it. */
const asFile = (bytes: Uint8Array): AsyncBuffer => ({
  byteLength: bytes.byteLength,
  slice: (from, to) => new Uint8Array(bytes.subarray(from, to)).buffer,
});

type Row = {
  readonly stream_seq: bigint;
  readonly stored: bigint;
  readonly principal: Uint8Array;
  readonly prev_hash: Uint8Array;
  readonly hash: Uint8Array;
  readonly envelope: Uint8Array;
  readonly frame: Uint8Array;
  readonly frame_bytes: Uint8Array | null;
};

const columns = ["stream_seq", "stored", "principal", "prev_hash", "hash", "envelope", "frame", "frame_bytes"];

const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");

const frameOf = (row: Row): StoredFrame => {
  const [envelopeText, principal] = [textOf(row.envelope), textOf(row.principal)];
  return {
    envelope: JSON.parse(envelopeText) as Envelope,
    envelopeText,
    bytes: row.frame_bytes ?? row.frame,
    prevHash: textOf(row.prev_hash),
    hash: textOf(row.hash),
    ...(principal === "" ? {} : { principal }),
    place: Number(row.stream_seq),
    storedNs: row.stored,
  };
};

const cutOf = ({ key_value_metadata: said = [] }: FileMetaData): Cut =>
  cutSchema.parse(JSON.parse(said.find(({ key }) => key === "enchanted.cut")?.value ?? "null"));

/** What a file of the archive holds. */
export type FileContent = {
  /** The cut that was written into it: `stream` is when the stream was created of which these frames are. */
  readonly cut: Cut;
  /** In the file's order, each as the stream held it. */
  readonly frames: StoredFrame[];
};

/** Reads a file of the archive; rejects where the bytes are no such file. */
export const readFile = async (bytes: Uint8Array): Promise<FileContent> => {
  const file = asFile(bytes);
  const metadata = parquetMetadata(await file.slice(0));
  const rows = await parquetReadObjects({ file, metadata, columns, compressors, parsers });
  return { cut: cutOf(metadata), frames: (rows as unknown as Row[]).map(frameOf) };
};
