import { encodedFrameSize } from "#nervous-system/telemetry/otlp/encode-logs.ts";
import type { ChainPosition, ComposedFrame } from "./compose.ts";
import { positionAfter } from "./compose.ts";
import { fillGap } from "./gap-fill.ts";
import type { RecorderIdentity } from "./identity.ts";
import { outgoing, type StreamTail } from "./uplink.ts";

/** A frame, or a filler, on its way; once it is stored, everything in the log up to index `done` is. */
export type Travelling = { frame: ComposedFrame; done: number };

/** Most frames of one export. */
export const MAX_BATCH_FRAMES = 512;
/** Most encoded bytes of one export; a single larger frame travels alone. */
export const MAX_BATCH_BYTES = 3 * 1024 * 1024;

/** The tail as a position to go on from; its observed time is not known. */
export const positionOfTail = (epoch: number, tail: StreamTail): ChainPosition => ({
  epoch,
  seq: tail.seq,
  hash: tail.hash,
  observedNs: 0n,
});

const conflict = (next: ComposedFrame): Error =>
  new Error(
    `the stream holds another frame as seq ${next.envelope.seq} of epoch ${next.envelope.epoch} of agent ${next.envelope.agent_uid}: ` +
      "the log was lost, or two recorders write one chain; nothing is sent before that is settled",
  );

/**
 * What has to travel so that `next` follows `held` in the stream: nothing when the stream holds it, fillers before it when
 * frames between them are lost. Throws when the stream holds another frame in its place.
 */
export const planFrame = (
  identity: RecorderIdentity,
  held: ChainPosition,
  next: ComposedFrame,
): { frames: ComposedFrame[]; held: ChainPosition } => {
  if (next.envelope.seq === held.seq && next.hash !== held.hash) throw conflict(next);
  if (next.envelope.seq <= held.seq) return { frames: [], held };
  const why = "frames could not be read from the recorder's log";
  const fillers = next.envelope.seq > held.seq + 1 ? fillGap(identity, held, next, why) : [];
  return { frames: [...fillers, next], held: positionAfter(next) };
};

/** Cuts travelling frames into exports. */
export const cutBatches = (frames: readonly Travelling[]): Travelling[][] => {
  const batches: Travelling[][] = [];
  let bytes = 0;
  for (const travelling of frames) {
    const size = encodedFrameSize(outgoing(travelling.frame));
    const current = batches.at(-1);
    if (current === undefined || current.length >= MAX_BATCH_FRAMES || bytes + size > MAX_BATCH_BYTES) {
      batches.push([travelling]);
      bytes = size;
    } else {
      current.push(travelling);
      bytes += size;
    }
  }
  return batches;
};
