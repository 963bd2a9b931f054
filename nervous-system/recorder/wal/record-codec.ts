import { crc32c } from "./crc32c.ts";

// A record: length u32 ‖ index u64 ‖ CRC of the payload u32 ‖ CRC of the three u32 ‖ payload, big-endian.
// The header has a CRC of its own, so a flipped length is told from a write that a crash cut short.
// Both CRCs start from the segment's random salt: bytes inside a payload can never pass for a record.

/** Bytes before each payload. */
export const HEADER_BYTES = 20;
/** The largest payload of one record, in bytes: a 256 KiB frame with its envelope, generously. */
export const MAX_PAYLOAD_BYTES = 1024 * 1024;

/** What stands at one place of a segment. `size` counts the header. */
export type Parsed =
  | { kind: "record"; index: number; payload: Buffer; size: number }
  | { kind: "short"; needBytes: number }
  | { kind: "badHeader" }
  | { kind: "badPayload"; index: number; size: number };

/** Bytes that `payload` takes in a segment. */
export const recordSize = (payload: Uint8Array): number => HEADER_BYTES + payload.length;

/** Writes one record into `target` at `offset`; answers the offset behind it. */
export const encodeRecord = (
  target: Buffer,
  offset: number,
  record: { index: number; payload: Uint8Array },
  salt: number,
): number => {
  const { index, payload } = record;
  target.writeUInt32BE(payload.length, offset);
  target.writeBigUInt64BE(BigInt(index), offset + 4);
  target.writeUInt32BE(crc32c(payload, 0, payload.length, salt), offset + 12);
  target.writeUInt32BE(crc32c(target, offset, offset + 16, salt), offset + 16);
  target.set(payload, offset + HEADER_BYTES);
  return offset + HEADER_BYTES + payload.length;
};

/** Reads what stands in `window` at `offset`. The payload is a view, not a copy. */
export const parseRecord = (window: Buffer, offset: number, salt: number): Parsed => {
  const left = window.length - offset;
  if (left < HEADER_BYTES) return { kind: "short", needBytes: HEADER_BYTES };
  if (window.readUInt32BE(offset + 16) !== crc32c(window, offset, offset + 16, salt)) return { kind: "badHeader" };
  const length = window.readUInt32BE(offset);
  const size = HEADER_BYTES + length;
  if (left < size) return { kind: "short", needBytes: size };
  const index = Number(window.readBigUInt64BE(offset + 4));
  const start = offset + HEADER_BYTES;
  if (window.readUInt32BE(offset + 12) !== crc32c(window, start, start + length, salt)) {
    return { kind: "badPayload", index, size };
  }
  return { kind: "record", index, payload: window.subarray(start, start + length), size };
};

/** Whether a record that is whole could begin here with an index in [from, to]: the cheap test before the CRCs. */
export const mayBeginRecord = (window: Buffer, offset: number, from: number, to: number): boolean => {
  if (window.length - offset < HEADER_BYTES) return false;
  if (window.readUInt32BE(offset) > MAX_PAYLOAD_BYTES) return false;
  const high = window.readUInt32BE(offset + 4);
  if (high > 0x1fffff) return false;
  const index = high * 0x1_0000_0000 + window.readUInt32BE(offset + 8);
  return index >= from && index <= to;
};
