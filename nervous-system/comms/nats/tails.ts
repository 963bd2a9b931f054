import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { chainKey, emptyTail, runsOf, type ChainTail } from "./chain-plan.ts";
import { untilAborted } from "#nervous-system/kernel/until-aborted.ts";
import type { Chunk } from "./chunk.ts";
import type { FrameStream } from "./frame-stream.ts";

/** What a publisher remembers of the chains it writes; forgetting one only costs a read. */
export type Tails = {
  /** The tails of the frames' chains, read from the stream where they are not remembered. */
  load(frames: readonly RecordedFrame[]): Promise<ReadonlyMap<string, ChainTail>>;
  /** The remembered tail; empty when forgotten, which the stream then refuses as a conflict. */
  known(key: string): ChainTail;
  /** The chunks were stored next to each other from `firstSeq` on. */
  advance(chunks: readonly Chunk[], firstSeq: number): void;
  forget(frames: readonly RecordedFrame[]): void;
};

/** The first frame of each stretch of one chain. */
const firstsOf = (frames: readonly RecordedFrame[]): RecordedFrame[] =>
  [...runsOf(frames)].flatMap(([first]) => first ?? []);

const MAX_CHAINS = 10_000;

/** Creates an empty memory of at most 10,000 chains, which a lost connection clears. */
export const createTails = (stream: Pick<FrameStream, "tail" | "currentLink">): Tails => {
  const tails = new Map<string, ChainTail>();
  let link = stream.currentLink();

  // A server that comes back may have lost what it had not flushed: nothing remembered is true then.
  const clearAfterLoss = (): void => {
    const current = stream.currentLink();
    if (current !== link || current.aborted) tails.clear();
    link = current;
  };
  const remember = (key: string, tail: ChainTail): void => {
    tails.delete(key); // a Map keeps the order of insertion, so its first key is the one longest unused
    tails.set(key, tail);
    const [oldest] = tails.keys();
    if (tails.size > MAX_CHAINS && oldest !== undefined) tails.delete(oldest);
  };

  return {
    load: async (frames) => {
      clearAfterLoss();
      const wanted = new Map(firstsOf(frames).map((first) => [chainKey(first), first.envelope]));
      const loaded = [...wanted].map(async ([key, { agent_uid, epoch }]) => {
        const tail = tails.get(key) ?? (await stream.tail(agent_uid, epoch));
        remember(key, tail);
        return [key, tail] as const;
      });
      return new Map(await untilAborted(Promise.all(loaded), link));
    },
    known: (key) => tails.get(key) ?? emptyTail,
    advance: (chunks, firstSeq) => {
      for (const [index, { key, frames }] of chunks.entries()) {
        const last = frames.at(-1);
        if (last !== undefined) remember(key, { seq: last.envelope.seq, hash: last.hash, streamSeq: firstSeq + index });
      }
    },
    forget: (frames) => {
      for (const first of firstsOf(frames)) tails.delete(chainKey(first));
    },
  };
};
