import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { zeroHash } from "#nervous-system/schemas/chain.ts";

/** The last frame that the stream holds of one chain. */
export type ChainTail = {
  /** 0 when the stream holds none. */
  readonly seq: number;
  /** 64 hex digits; zeros when the stream holds none. */
  readonly hash: string;
  /** Stream sequence of the chunk that holds it; 0 when there is none. */
  readonly streamSeq: number;
};

/** The tail of a chain of which the stream holds nothing. */
export const emptyTail: ChainTail = { seq: 0, hash: zeroHash, streamSeq: 0 };

/** What became of one frame. */
export type FrameResult =
  | { readonly kind: "stored" }
  /** The stream held it already. */
  | { readonly kind: "duplicate" }
  /** Frames before it are not in the stream; `expected` is the seq to send from. */
  | { readonly kind: "missing"; readonly expected: number }
  /**
   * It contradicts the frame that the stream holds in its place, or before it: then `follows` is the hash that a
   * frame in its place would have to follow.
   */
  | { readonly kind: "fork"; readonly why: string; readonly follows?: string };

/** Name of the chain that a frame belongs to. */
export const chainKey = (frame: RecordedFrame): string => `${frame.envelope.agent_uid}/${frame.envelope.epoch}`;

const place = (tail: ChainTail, frame: RecordedFrame): FrameResult => {
  const { seq } = frame.envelope;
  if (seq === tail.seq && frame.hash !== tail.hash)
    return { kind: "fork", why: `seq ${seq} is stored with another hash` };
  if (seq <= tail.seq) return { kind: "duplicate" };
  if (seq > tail.seq + 1) return { kind: "missing", expected: tail.seq + 1 };
  // The first frame of an epoch follows a frame of another epoch, which the stream may hold or not.
  if (tail.seq > 0 && frame.prevHash !== tail.hash)
    return {
      kind: "fork",
      why: `prev_hash is not the hash of the stored seq ${tail.seq}`,
      follows: tail.hash,
    };
  return { kind: "stored" };
};

/** What to publish, and what to answer once that is stored. */
export type ChainPlan = {
  /** One result a frame, in the order of the frames. */
  readonly results: readonly FrameResult[];
  /** Indexes of the frames to publish, in order. */
  readonly publish: readonly number[];
};

/**
 * Decides, from the tails of their chains, which frames continue a chain. Frames may be of several chains;
 * chains that `tails` lacks are empty.
 */
export const planChains = (tails: ReadonlyMap<string, ChainTail>, frames: readonly RecordedFrame[]): ChainPlan => {
  const moved = new Map<string, ChainTail>();
  const publish: number[] = [];
  const results = frames.map((frame, index) => {
    const key = chainKey(frame);
    const tail = moved.get(key) ?? tails.get(key) ?? emptyTail;
    const result = place(tail, frame);
    if (result.kind !== "stored") return result;
    publish.push(index);
    moved.set(key, { seq: frame.envelope.seq, hash: frame.hash, streamSeq: 0 });
    return result;
  });
  return { results, publish };
};
