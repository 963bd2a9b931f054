import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { chainFilter, frameHeaders, frameSubject } from "#nervous-system/schemas/subjects.ts";
import type { BatchMessage } from "./atomic-batch.ts";
import { chainKey, type ChainTail } from "./chain-plan.ts";
import { headerValue, publishableSubject } from "./subject-guard.ts";

/** A frame with its message made once, however often it is sent. */
export type PreparedFrame = {
  readonly frame: RecordedFrame;
  readonly key: string;
  readonly message: BatchMessage;
  readonly bytes: number;
};

/** The server's own bound of an atomic batch, messages. */
export const MAX_BATCH_FRAMES = 1000;

/** Our bound of an atomic batch, bytes. */
export const MAX_BATCH_BYTES = 4 * 1024 * 1024;

const principalLine = ({ principal }: RecordedFrame): string =>
  principal === undefined ? "" : `${frameHeaders.principal}: ${headerValue(encodeURIComponent(principal))}\r\n`;

/** Makes a frame's message; throws `UnsafeSubjectError` when it could speak to the server. */
export const prepareFrame = (frame: RecordedFrame): PreparedFrame => {
  const subject = publishableSubject(frameSubject(frame.envelope));
  const headerLines =
    `${frameHeaders.envelope}: ${headerValue(frame.envelopeText)}\r\n` +
    `${frameHeaders.prevHash}: ${headerValue(frame.prevHash)}\r\n` +
    `${frameHeaders.hash}: ${headerValue(frame.hash)}\r\n` +
    principalLine(frame);
  return {
    frame,
    key: chainKey(frame),
    message: { subject, data: frame.bytes, headerLines },
    bytes: frame.bytes.length + headerLines.length,
  };
};

/** Cuts frames, in order, into atomic batches. */
export const cutBatches = (frames: readonly PreparedFrame[]): PreparedFrame[][] => {
  const batches: PreparedFrame[][] = [];
  let current: PreparedFrame[] = [];
  let bytes = 0;
  for (const frame of frames) {
    const full = current.length === MAX_BATCH_FRAMES || bytes + frame.bytes > MAX_BATCH_BYTES;
    if (full && current.length > 0) {
      batches.push(current);
      current = [];
      bytes = 0;
    }
    current.push(frame);
    bytes += frame.bytes;
  }
  if (current.length > 0) batches.push(current);
  return batches;
};

const expectationLines = ({ envelope }: RecordedFrame, tail: ChainTail): string =>
  `Nats-Expected-Last-Subject-Sequence: ${tail.streamSeq}\r\n` +
  `Nats-Expected-Last-Subject-Sequence-Subject: ${chainFilter(envelope.agent_uid, envelope.epoch)}\r\n`;

/** Messages of one batch; the first of each chain says which message it continues, so that nothing is stored twice or out of order. */
export const renderBatch = (frames: readonly PreparedFrame[], tailOf: (key: string) => ChainTail): BatchMessage[] => {
  const begun = new Set<string>();
  return frames.map(({ frame, key, message }) => {
    if (begun.has(key)) return message;
    begun.add(key);
    return { ...message, headerLines: message.headerLines + expectationLines(frame, tailOf(key)) };
  });
};
