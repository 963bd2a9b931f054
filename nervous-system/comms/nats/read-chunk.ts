import { createHash } from "node:crypto";
import { zstdDecompressSync } from "node:zlib";
import type { JsMsg, StoredMsg } from "@nats-io/jetstream";
import { decodeLogsRequest, type LogRecordView } from "#nervous-system/codecs/otlp/decode-logs.ts";
import { isHash } from "#nervous-system/schemas/chain.ts";
import type { Envelope, RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { parseTimestampNs } from "#nervous-system/schemas/timestamp.ts";
import { chunkHeaders } from "#nervous-system/schemas/subjects.ts";
import { maxChunkFrames, placeOf } from "./place.ts";

/** A frame as the stream holds it. */
export type StoredFrame = RecordedFrame & {
  /** Its place in the swarm's one order. */
  readonly place: number;
  /** When JetStream stored it, Unix nanoseconds. */
  readonly storedNs: bigint;
};

/** A message of the stream, or a part of one, that cannot be read, with the reason. */
type PoisonMessage = {
  readonly place: number;
  readonly subject: string;
  readonly bytes: Uint8Array;
  readonly reason: string;
};

/** What stands at one place of the stream. */
export type StreamItem =
  | { readonly kind: "frame"; readonly frame: StoredFrame }
  | { readonly kind: "poison"; readonly poison: PoisonMessage };

/** A message of the stream, however it was read. */
export type StreamMessage = {
  readonly subject: string;
  readonly data: Uint8Array;
  /** A header's value, empty when it is absent. */
  header(name: string): string;
  readonly streamSeq: number;
  readonly storedNs: bigint;
};

/** What a chunk's headers say of it. */
export type ChunkSummary = {
  readonly lastSeq: number;
  /** Hash of the last frame, 64 hex digits. */
  readonly hash: string;
  readonly principal: string | undefined;
};

// The largest chunk that is written, the single largest frame, and room for what a later version adds.
const MAX_BODY_BYTES = 2 * 1024 * 1024;

/** The place of an item. */
export const placeOfItem = (item: StreamItem): number => (item.kind === "frame" ? item.frame.place : item.poison.place);

/** A message that was asked for by its sequence or subject. */
export const streamMessageOf = ({ subject, data, header, seq, timestamp }: StoredMsg): StreamMessage => ({
  subject,
  data,
  header: (name) => header.get(name),
  streamSeq: seq,
  storedNs: parseTimestampNs(timestamp) ?? 0n,
});

/** A message as a consumer delivers it. */
export const streamMessageOfDelivery = ({ subject, data, headers, seq, info }: JsMsg): StreamMessage => ({
  subject,
  data,
  header: (name) => headers?.get(name) ?? "",
  streamSeq: seq,
  storedNs: BigInt(info.timestampNanos),
});

const decodePrincipal = (text: string): string | undefined => {
  if (text === "") return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // not written by us; what it says is all there is
  }
};

/** Reads the headers of a chunk; undefined when the message is none. */
export const readSummary = ({ header }: StreamMessage): ChunkSummary | undefined => {
  const [lastSeq, hash] = [header(chunkHeaders.lastSeq), header(chunkHeaders.hash)];
  if (!/^\d{1,15}$/.test(lastSeq) || !isHash(hash)) return undefined;
  return { lastSeq: Number(lastSeq), hash, principal: decodePrincipal(header(chunkHeaders.principal)) };
};

/** How many frames a message says that it holds; 0 where it says nothing that can be. */
export const readCount = ({ header }: StreamMessage): number => {
  const count = Number(header(chunkHeaders.count));
  return Number.isInteger(count) && count >= 1 && count <= maxChunkFrames ? count : 0;
};

/**
 * What tells a message from every other one that could stand in its place: the hash of its last frame, else of its bytes,
 * and when it was stored. The same frame may come to the same sequence again, behind others than before. Consumers tell
 * the time as a double, so it is compared as one.
 */
export const fingerprintOf = (message: StreamMessage): string => {
  const hash = readSummary(message)?.hash ?? createHash("sha256").update(message.data).digest("hex");
  return `${hash.slice(0, 32)}-${Number(message.storedNs)}`;
};

const isEnvelope = (value: unknown): value is Envelope => {
  const { agent_uid, mission_uid, namespace, epoch, seq, observed, event_type, event_id } = (value ?? {}) as Record<
    string,
    unknown
  >;
  const texts = [agent_uid, mission_uid, namespace, observed, event_type, event_id];
  if (!texts.every((text) => typeof text === "string")) return false;
  return Number.isSafeInteger(epoch) && Number.isSafeInteger(seq) && /^\d{1,20}$/.test(String(observed));
};

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const unpack = (message: StreamMessage): Buffer => {
  const { data } = message;
  const encoding = message.header(chunkHeaders.encoding);
  if (encoding === "zstd") return zstdDecompressSync(data, { maxOutputLength: MAX_BODY_BYTES });
  if (encoding !== "") throw new Error(`the body is packed as ${JSON.stringify(encoding.slice(0, 80))}`);
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
};

const readRecords = (message: StreamMessage): LogRecordView[] => {
  const records = decodeLogsRequest(unpack(message));
  const count = readCount(message);
  if (count === 0 || records.length !== count)
    throw new Error(`it holds ${records.length} frames, its header says ${count}`);
  return records;
};

type Read = (record: LogRecordView, index: number) => StreamItem;

/**
 * A frame of a chunk. The envelope is checked only as far as its reader could stumble over it: the collector verified it
 * against its identity and hash before it was stored.
 */
const readerOf = ({ subject, streamSeq, storedNs }: StreamMessage, principal: string | undefined): Read => {
  const signature = principal === undefined ? {} : { principal };
  return (record, index) => {
    const place = placeOf(streamSeq, index);
    const poison = (reason: string): StreamItem => ({
      kind: "poison",
      poison: { place, subject, bytes: record.raw, reason },
    });
    const { envelopeText = "" } = record;
    const envelope = parse(envelopeText);
    if (!isEnvelope(envelope)) return poison("enchanted.envelope is no envelope");
    const { prevHash, hash, body: bytes } = record;
    if (!isHash(hash) || !isHash(prevHash)) return poison("the hashes are not 64 hex digits each");
    return {
      kind: "frame",
      frame: { envelope, envelopeText, bytes, prevHash, hash, ...signature, place, storedNs },
    };
  };
};

/** Reads a message of stream CONTEXT: its frames in order, or one item that says why it has none. */
export const readChunk = (message: StreamMessage): StreamItem[] => {
  const { subject, data, streamSeq } = message;
  try {
    return readRecords(message).map(readerOf(message, readSummary(message)?.principal));
  } catch (error) {
    const reason = `the chunk cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    return [{ kind: "poison", poison: { place: placeOf(streamSeq, 0), subject, bytes: data, reason } }];
  }
};
