import { chainFilter } from "#nervous-system/schemas/subjects.ts";
import type { BatchMessage } from "./atomic-batch.ts";
import type { ChainTail } from "./chain-plan.ts";
import type { Chunk } from "./chunk.ts";

/** The server's own bound of an atomic batch, messages. */
export const maxBatchChunks = 1000;

/** Our bound of an atomic batch, bytes; a single larger chunk travels alone. */
export const maxBatchBytes = 4 * 1024 * 1024;

/** Cuts chunks, in order, into atomic batches. */
export const cutBatches = (chunks: readonly Chunk[]): Chunk[][] => {
  const batches: Chunk[][] = [];
  let bytes = 0;
  for (const chunk of chunks) {
    const size = chunk.message.data.length;
    const current = batches.at(-1);
    if (current === undefined || current.length === maxBatchChunks || bytes + size > maxBatchBytes) {
      batches.push([chunk]);
      bytes = size;
    } else {
      current.push(chunk);
      bytes += size;
    }
  }
  return batches;
};

const expectationLines = ({ frames: [first] }: Chunk, { streamSeq }: ChainTail): string => {
  if (first === undefined) throw new RangeError("a chunk holds at least one frame");
  const { agent_uid, epoch } = first.envelope;
  return (
    `Nats-Expected-Last-Subject-Sequence: ${streamSeq}\r\n` +
    `Nats-Expected-Last-Subject-Sequence-Subject: ${chainFilter(agent_uid, epoch)}\r\n`
  );
};

/** Messages of one batch; the first of each chain says which message it continues, so that nothing is stored twice or out of order. */
export const renderBatch = (chunks: readonly Chunk[], tailOf: (key: string) => ChainTail): BatchMessage[] => {
  const begun = new Set<string>();
  return chunks.map((chunk) => {
    const { key, message } = chunk;
    if (begun.has(key)) return message;
    begun.add(key);
    return { ...message, headerLines: message.headerLines + expectationLines(chunk, tailOf(key)) };
  });
};
