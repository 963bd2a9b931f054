import { linkFault, type ChainedFrame } from "#nervous-system/schemas/chain.ts";

/** What is wrong with a chain, first fault only. */
export type ChainFault = { epoch: number; seq: number; why: string };

/** Verifies the frames of one epoch, given from seq 1 on, in order; answers the first fault. */
export const verifyChain = (frames: Iterable<ChainedFrame>, resumedFrom?: string): ChainFault | undefined => {
  let seq = 1;
  let prevHash = resumedFrom;
  for (const frame of frames) {
    const why = linkFault(frame, seq, prevHash);
    if (why !== undefined) return { epoch: frame.epoch, seq: frame.seq, why };
    prevHash = frame.hash;
    seq += 1;
  }
  return undefined;
};
