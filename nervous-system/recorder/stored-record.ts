import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import type { ChainPosition, ComposedFrame } from "./compose.ts";

// What one record of the log holds: version u8 ‖ claimed ns u64 ‖ prev_hash 32 B ‖ hash 32 B ‖ length of the envelope u32 ‖ envelope ‖ bytes.
const VERSION = 1;
const FIXED_BYTES = 1 + 8 + 32 + 32 + 4;
const UINT64_MAX = 0xffff_ffff_ffff_ffffn;

const asUint64 = (ns: bigint): bigint => (ns < 0n ? 0n : ns > UINT64_MAX ? UINT64_MAX : ns);

/** The log record of a frame. */
export const encodeStoredFrame = (frame: ComposedFrame): Buffer => {
  const envelope = Buffer.from(frame.envelopeText);
  const record = Buffer.allocUnsafe(FIXED_BYTES + envelope.length + frame.bytes.length);
  record.writeUInt8(VERSION, 0);
  record.writeBigUInt64BE(asUint64(frame.claimedNs), 1);
  record.write(frame.prevHash, 9, 32, "hex");
  record.write(frame.hash, 41, 32, "hex");
  record.writeUInt32BE(envelope.length, 73);
  record.set(envelope, FIXED_BYTES);
  record.set(frame.bytes, FIXED_BYTES + envelope.length);
  return record;
};

/** Reads a log record; throws on one that this version did not write, since its CRC says that somebody did. */
export const decodeStoredFrame = (record: Buffer): ComposedFrame => {
  const version = record.readUInt8(0);
  if (version !== VERSION) {
    throw new Error(
      `the log holds a record of format ${version}, this version reads ${VERSION}; start the version that wrote it to drain the log`,
    );
  }
  const end = FIXED_BYTES + record.readUInt32BE(73);
  const text = record.toString("utf8", FIXED_BYTES, end);
  return {
    claimedNs: record.readBigUInt64BE(1),
    prevHash: record.toString("hex", 9, 41),
    hash: record.toString("hex", 41, 73),
    envelope: JSON.parse(text) as Envelope, // our own words, under a CRC: not judged again
    envelopeText: text,
    bytes: record.subarray(end),
  };
};

/** The cursor's note: the last stored frame's place in its chain, as text. */
export const encodePosition = (position: ChainPosition): Buffer =>
  Buffer.from(`${position.epoch} ${position.seq} ${position.hash} ${position.observedNs}`);

/** Reads a cursor's note; `undefined` for an empty or strange one. */
export const decodePosition = (note: Buffer): ChainPosition | undefined => {
  const [, epoch, seq, hash, observed] = /^(\d+) (\d+) ([0-9a-f]{64}) (\d+)$/.exec(note.toString("latin1")) ?? [];
  if (epoch === undefined || seq === undefined || hash === undefined || observed === undefined) return undefined;
  return { epoch: Number(epoch), seq: Number(seq), hash, observedNs: BigInt(observed) };
};
