import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { chainKey, emptyTail, planChains, type ChainTail } from "#nervous-system/comms/nats/chain-plan.ts";
import type { ComposedFrame } from "#nervous-system/recorder/compose.ts";
import type { Uplink } from "#nervous-system/recorder/uplink.ts";

/** A stream in memory behind the uplink: it follows the collector's own rules, and fails as a network fails. */
export type ModelStream = Uplink & {
  /** Everything stored, in the order of storing. */
  frames: ComposedFrame[];
  /** Asked at each call: an error to fail with, before or after storing. */
  failure: (() => { when: "before" | "after"; error: GrpcFailure } | undefined) | undefined;
  /** The stream forgets its last `count` frames. */
  loseTail(count: number): void;
  calls: { tail: number; send: number };
};

/** Creates an empty model stream. */
export const createModelStream = (): ModelStream => {
  const tails = (): Map<string, ChainTail> => {
    const found = new Map<string, ChainTail>();
    for (const frame of stream.frames)
      found.set(chainKey(frame), { seq: frame.envelope.seq, hash: frame.hash, streamSeq: 1 });
    return found;
  };
  const stream: ModelStream = {
    frames: [],
    failure: undefined,
    calls: { tail: 0, send: 0 },
    loseTail: (count) => {
      stream.frames.length -= count;
    },
    tail: async ({ agentUid, epoch }) => {
      stream.calls.tail += 1;
      const failure = stream.failure?.();
      if (failure !== undefined) throw failure.error;
      return tails().get(`${agentUid}/${epoch}`) ?? emptyTail;
    },
    send: async (frames) => {
      stream.calls.send += 1;
      const failure = stream.failure?.();
      if (failure?.when === "before") throw failure.error;
      const plan = planChains(tails(), frames);
      for (const at of plan.publish) stream.frames.push(frames[at] as ComposedFrame);
      const bad = plan.results.find(({ kind }) => kind === "missing" || kind === "fork");
      if (bad !== undefined) throw new GrpcFailure(grpcStatus.aborted, JSON.stringify(bad));
      if (failure !== undefined) throw failure.error;
      return undefined;
    },
  };
  return stream;
};
