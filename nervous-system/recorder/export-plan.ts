import { frameRecord, recordSize } from "#nervous-system/codecs/otlp/encode-logs.ts";
import { type ChainPosition, type ComposedFrame, positionAfter, type RecorderIdentity } from "./compose.ts";
import { fillGap } from "./gap-fill.ts";
import type { StreamTail } from "./uplink.ts";

/** A frame, or a filler, on its way; once it is stored, everything in the log up to index `done` is. */
export type Travelling = { frame: ComposedFrame; done: number };

/** Most frames of one export. */
export const MAX_EXPORT_FRAMES = 512;
/** Most encoded bytes of one export; a single larger frame travels alone. */
export const MAX_EXPORT_BYTES = 3 * 1024 * 1024;

/** The tail as a position to go on from; its observed time is not known. */
export const positionOfTail = (epoch: number, tail: StreamTail): ChainPosition => ({
  epoch,
  seq: tail.seq,
  hash: tail.hash,
  observedNs: 0n,
});

const WHY = "frames could not be read from the recorder's log";

const conflict = (next: ComposedFrame): Error =>
  new Error(
    `the stream holds another frame as seq ${next.envelope.seq} of epoch ${next.envelope.epoch} of agent ${next.envelope.agent_uid}: ` +
      "the log was lost, or two recorders write one chain; nothing is sent before that is settled",
  );

const isGap = ({ envelope }: ComposedFrame): boolean => envelope.event_type === "GAP";

/**
 * What has to travel so that `next` follows `held` in the stream: nothing when the stream holds it, fillers before it when
 * frames between them are lost. A GAP of the log gives way to the frame that the stream holds in its place, and the next
 * GAP ties what follows to it. Throws when the stream holds another frame in the place of one that is not lost.
 */
export const planTravel = (
  identity: RecorderIdentity,
  held: ChainPosition,
  next: ComposedFrame,
): { frames: ComposedFrame[]; held: ChainPosition } => {
  if (next.envelope.seq === held.seq && next.hash !== held.hash && !isGap(next)) throw conflict(next);
  if (next.envelope.seq <= held.seq) return { frames: [], held };
  if (isGap(next) && next.envelope.seq === held.seq + 1 && held.seq > 0 && next.prevHash !== held.hash)
    return planEnd(identity, held, positionAfter(next)); // in its place, with its hash, and bound to what the stream holds
  const { envelope, prevHash } = next;
  const end = { seq: envelope.seq, observedNs: BigInt(envelope.observed), prevHash };
  const fillers = envelope.seq > held.seq + 1 ? fillGap(identity, held, end, WHY) : [];
  return { frames: [...fillers, next], held: positionAfter(next) };
};

/** The last frame of an epoch, which cannot be read any more: its hash where another frame tells it. */
export type LostEnd = Omit<ChainPosition, "hash"> & { hash: string | undefined };

/** What has to travel so that the stream holds its epoch up to `last`, when nothing of it stands behind what is lost. */
export const planEnd = (
  identity: RecorderIdentity,
  held: ChainPosition,
  last: LostEnd,
): { frames: ComposedFrame[]; held: ChainPosition } => {
  if (last.seq <= held.seq) return { frames: [], held };
  const end = { seq: last.seq + 1, observedNs: last.observedNs + 1n, prevHash: last.hash };
  const frames = fillGap(identity, held, end, WHY);
  return { frames, held: positionAfter(frames.at(-1) as ComposedFrame) };
};

/** Cuts travelling frames into exports. */
export const cutExports = (frames: readonly Travelling[]): Travelling[][] => {
  const groups: Travelling[][] = [];
  let bytes = 0;
  for (const travelling of frames) {
    const size = recordSize(frameRecord(travelling.frame));
    const current = groups.at(-1);
    if (current === undefined || current.length >= MAX_EXPORT_FRAMES || bytes + size > MAX_EXPORT_BYTES) {
      groups.push([travelling]);
      bytes = size;
    } else {
      current.push(travelling);
      bytes += size;
    }
  }
  return groups;
};
