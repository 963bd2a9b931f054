import { constants, zstdCompressSync } from "node:zlib";
import { encodeRecord, frameRecord, joinRecords } from "#nervous-system/codecs/otlp/encode-logs.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { chunkHeaders, chunkSubject, laneOf } from "#nervous-system/schemas/subjects.ts";
import type { BatchMessage } from "./atomic-batch.ts";
import { chainKey } from "./chain-plan.ts";
import { maxChunkFrames } from "./place.ts";
import { headerValue, publishableSubject } from "./subject-guard.ts";

/** 1 to 512 consecutive frames of one chain, of one lane, about one mission: one message of the stream. */
export type Chunk = {
  readonly frames: readonly RecordedFrame[];
  /** The chain, as `chainKey` names it. */
  readonly key: string;
  readonly message: BatchMessage;
};

/** Most bytes of a chunk before it is packed; a single larger frame travels alone. */
export const maxChunkBytes = 768 * 1024;

// A smaller body gains less than its header costs.
const MIN_PACKED_BYTES = 512;
const FASTEST = { [constants.ZSTD_c_compressionLevel]: 1 };

/** The frame's LogRecord: the bytes it came as, else written from its parts. */
export const recordOf = (frame: RecordedFrame): Uint8Array => frame.record ?? encodeRecord(frameRecord(frame));

/** Told the size beforehand, zstd makes its tables no larger than they need be. */
const pack = (body: Buffer): Buffer => zstdCompressSync(body, { params: FASTEST, pledgedSrcSize: body.length });

const continues = (before: RecordedFrame, frame: RecordedFrame): boolean => {
  const [a, b] = [before.envelope, frame.envelope];
  return (
    a.seq + 1 === b.seq &&
    a.epoch === b.epoch &&
    a.agent_uid === b.agent_uid &&
    a.mission_uid === b.mission_uid &&
    a.namespace === b.namespace &&
    before.principal === frame.principal &&
    (a.event_type === b.event_type || laneOf(a.event_type) === laneOf(b.event_type))
  );
};

const headerLines = (frames: readonly RecordedFrame[], isPacked: boolean): string => {
  const [first, last] = [frames[0] as RecordedFrame, frames.at(-1) as RecordedFrame];
  const { agent_uid, epoch, seq } = first.envelope;
  return (
    `${chunkHeaders.agentUid}: ${headerValue(agent_uid)}\r\n${chunkHeaders.epoch}: ${epoch}\r\n` +
    `${chunkHeaders.firstSeq}: ${seq}\r\n${chunkHeaders.lastSeq}: ${last.envelope.seq}\r\n` +
    `${chunkHeaders.count}: ${frames.length}\r\n${chunkHeaders.hash}: ${headerValue(last.hash)}\r\n` +
    (first.principal === undefined
      ? ""
      : `${chunkHeaders.principal}: ${headerValue(encodeURIComponent(first.principal))}\r\n`) +
    (isPacked ? `${chunkHeaders.encoding}: zstd\r\n` : "")
  );
};

/** Makes one chunk; throws `UnsafeSubjectError` when its subject or a header could speak to the server. */
const makeChunk = (frames: readonly RecordedFrame[], records: readonly Uint8Array[]): Chunk => {
  const first = frames[0] as RecordedFrame;
  const body = joinRecords(records);
  const packed = body.length < MIN_PACKED_BYTES ? body : pack(body);
  const isPacked = packed.length < body.length;
  return {
    frames,
    key: chainKey(first),
    message: {
      subject: publishableSubject(chunkSubject(first.envelope)),
      data: isPacked ? packed : body,
      headerLines: headerLines(frames, isPacked),
    },
  };
};

/** Cuts frames, in order, into chunks. The body of a chunk is an OTLP `ExportLogsServiceRequest`. */
export const cutChunks = (frames: readonly RecordedFrame[]): Chunk[] => {
  const chunks: Chunk[] = [];
  let current: RecordedFrame[] = [];
  let records: Uint8Array[] = [];
  let bytes = 0;
  const finish = (): void => {
    if (current.length > 0) chunks.push(makeChunk(current, records));
    [current, records, bytes] = [[], [], 0];
  };
  for (const frame of frames) {
    const record = recordOf(frame);
    const before = current.at(-1);
    const fits = current.length < maxChunkFrames && bytes + record.length <= maxChunkBytes;
    if (before !== undefined && !(fits && continues(before, frame))) finish();
    current.push(frame);
    records.push(record);
    bytes += record.length;
  }
  finish();
  return chunks;
};
