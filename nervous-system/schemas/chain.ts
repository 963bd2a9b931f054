import { createHash } from "node:crypto";
import { uuidBytes } from "#nervous-system/schemas/ids.ts";

/** The `prev_hash` of the first frame of a lineage. */
export const zeroHash = "0".repeat(64);

/** The parts of a frame that its hash covers. */
export type ChainLink = {
  agentUid: string;
  epoch: number;
  seq: number;
  /** 64 hex digits. */
  prevHash: string;
  observedNs: bigint;
  envelopeText: string;
  bytes: Uint8Array;
};

const sha256 = (data: string | Uint8Array): Buffer => createHash("sha256").update(data).digest();

const prefixBytes = 16 + 4 + 8 + 32 + 8;

/**
 * Hash of a frame, 64 hex digits:
 * `sha256(agent_uid 16 B ‖ epoch u32 ‖ seq u64 ‖ prev_hash 32 B ‖ observed ns u64 ‖ sha256(envelope) ‖ sha256(bytes))`, big-endian.
 * Only the digest of the bytes is chained, so a payload can be erased later and the chain still verifies.
 */
export const chainHash = (link: ChainLink): string => {
  const prefix = Buffer.alloc(prefixBytes);
  prefix.set(uuidBytes(link.agentUid), 0);
  prefix.writeUInt32BE(link.epoch, 16);
  prefix.writeBigUInt64BE(BigInt(link.seq), 20);
  prefix.write(link.prevHash, 28, 32, "hex");
  prefix.writeBigUInt64BE(link.observedNs, 60);
  return createHash("sha256").update(prefix).update(sha256(link.envelopeText)).update(sha256(link.bytes)).digest("hex");
};

/** A frame as far as verifying its chain needs it. */
export type ChainedFrame = ChainLink & { hash: string };

/** What is wrong with a chain, first fault only. */
export type ChainFault = { epoch: number; seq: number; why: string };

/** What is wrong with one frame, where `seq` is due; without `prevHash` whatever it resumes from is taken. */
export const linkFault = (frame: ChainedFrame, seq: number, prevHash: string | undefined): string | undefined => {
  if (frame.seq !== seq) return `expected seq ${seq}`;
  if (prevHash !== undefined && frame.prevHash !== prevHash) return "prev_hash is not the hash of the frame before";
  return chainHash(frame) === frame.hash ? undefined : "hash does not fit the frame";
};

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
