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

const isSameChain = ({ envelope: a }: RecordedFrame, { envelope: b }: RecordedFrame): boolean =>
  a.epoch === b.epoch && a.agent_uid === b.agent_uid;

/** Cuts frames, in order, into stretches of one chain each. */
export function* runsOf<F extends RecordedFrame>(frames: readonly F[]): Generator<F[]> {
  let run: F[] = [];
  for (const frame of frames) {
    const [first] = run;
    if (first !== undefined && !isSameChain(first, frame)) {
      yield run;
      run = [];
    }
    run.push(frame);
  }
  if (run.length > 0) yield run;
}

const STORED: FrameResult = { kind: "stored" };
const DUPLICATE: FrameResult = { kind: "duplicate" };

const place = (tail: ChainTail, frame: RecordedFrame): FrameResult => {
  const { seq } = frame.envelope;
  if (seq === tail.seq && frame.hash !== tail.hash)
    return { kind: "fork", why: `seq ${seq} is stored with another hash` };
  if (seq <= tail.seq) return DUPLICATE;
  if (seq > tail.seq + 1) return { kind: "missing", expected: tail.seq + 1 };
  // The first frame of an epoch follows a frame of another epoch, which the stream may hold or not.
  if (tail.seq > 0 && frame.prevHash !== tail.hash)
    return {
      kind: "fork",
      why: `prev_hash is not the hash of the stored seq ${tail.seq}`,
      follows: tail.hash,
    };
  return STORED;
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
  const results: FrameResult[] = [];
  let at = 0;
  for (const run of runsOf(frames)) {
    const key = chainKey(run[0] as RecordedFrame);
    let tail = moved.get(key) ?? tails.get(key) ?? emptyTail;
    for (const frame of run) {
      const result = place(tail, frame);
      results.push(result);
      if (result.kind === "stored") {
        publish.push(at);
        tail = { seq: frame.envelope.seq, hash: frame.hash, streamSeq: 0 };
      }
      at += 1;
    }
    moved.set(key, tail);
  }
  return { results, publish };
};
