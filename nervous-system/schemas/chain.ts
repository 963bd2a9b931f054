import { hash } from "node:crypto";
import { isUuid } from "#nervous-system/schemas/ids.ts";

/** The `prev_hash` of the first frame of a lineage. */
export const zeroHash = "0".repeat(64);

/** Whether a text is a hash: 64 hex digits, in lower case. */
export const isHash = (text: string): boolean => {
  if (text.length !== 64) return false;
  for (let i = 0; i < 64; i += 1) {
    const code = text.charCodeAt(i);
    if (!((code >= 48 && code <= 57) || (code >= 97 && code <= 102))) return false;
  }
  return true;
};

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
  /** sha256 of bytes that are not there any more, 64 hex digits; `bytes` say nothing then. */
  erased?: string | undefined;
};

// Digests go by way of strings: Node's one-shot hash makes a Buffer many times slower.
const DIGEST_BYTES = 32;
const PREFIX_BYTES = 16 + 4 + 8 + 32 + 8;
const covered = Buffer.alloc(PREFIX_BYTES + 2 * DIGEST_BYTES);

/** Whose 16 bytes stand in `covered`. */
let coveredUid = "";

const uuidHex = (uuid: string): string => {
  if (!isUuid(uuid)) throw new Error(`"${uuid}" is not a lower-case UUID`);
  return uuid.replaceAll("-", "");
};

/**
 * Hash of a frame, 64 hex digits:
 * `sha256(agent_uid 16 B ‖ epoch u32 ‖ seq u64 ‖ prev_hash 32 B ‖ observed ns u64 ‖ sha256(envelope) ‖ sha256(bytes))`, big-endian.
 * Only the digest of the bytes is chained, so a payload can be erased later and the chain still verifies.
 */
export const chainHash = (link: ChainLink): string => {
  // One buffer for all: nothing else runs between filling it and hashing it.
  if (link.agentUid !== coveredUid) {
    covered.write(uuidHex(link.agentUid), 0, 16, "hex");
    coveredUid = link.agentUid;
  }
  covered.writeUInt32BE(link.epoch, 16);
  covered.writeUInt32BE(Math.floor(link.seq / 2 ** 32), 20);
  covered.writeUInt32BE(link.seq % 2 ** 32, 24);
  covered.fill(0, 28, 28 + DIGEST_BYTES);
  covered.write(link.prevHash, 28, DIGEST_BYTES, "hex");
  covered.writeBigUInt64BE(link.observedNs, 60);
  covered.write(hash("sha256", link.envelopeText, "binary"), PREFIX_BYTES, DIGEST_BYTES, "latin1");
  if (link.erased === undefined)
    covered.write(hash("sha256", link.bytes, "binary"), PREFIX_BYTES + DIGEST_BYTES, DIGEST_BYTES, "latin1");
  else covered.write(link.erased, PREFIX_BYTES + DIGEST_BYTES, DIGEST_BYTES, "hex");
  return hash("sha256", covered, "hex");
};

/** A frame as far as verifying its chain needs it. */
export type HashedLink = ChainLink & { hash: string };

/** What is wrong with one frame, where `seq` is due; without `prevHash` whatever it resumes from is taken. */
export const linkFault = (frame: HashedLink, seq: number, prevHash: string | undefined): string | undefined =>
  placeFault(frame, seq, prevHash) ?? (chainHash(frame) === frame.hash ? undefined : "hash does not fit the frame");

/** What is wrong with where a frame stands. All that can be said of a GAP: it has the hash that what comes behind it follows. */
export const placeFault = (
  frame: Pick<HashedLink, "seq" | "prevHash">,
  seq: number,
  prevHash: string | undefined,
): string | undefined => {
  if (frame.seq !== seq) return `expected seq ${seq}`;
  return prevHash === undefined || frame.prevHash === prevHash
    ? undefined
    : "prev_hash is not the hash of the frame before";
};
