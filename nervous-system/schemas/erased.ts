import { hash } from "node:crypto";
import { isHash } from "#nervous-system/schemas/chain.ts";

// What stands in the place of bytes that were erased: no frame, which has an event_type, and no longer than this.
const HEAD = '{"erased":"';
const TAIL = '"}';
const LENGTH = HEAD.length + 64 + TAIL.length;

/** Types that stay as they are: what is missing or was erased must be told. */
export const neverErased: readonly string[] = ["GAP", "ERASURE"];

/** Most frames of one order. */
export const MOST_ERASED = 100;

/**
 * Most blobs and places that an order names of one frame: an order is a frame of 256 KiB itself, and a digest in it takes 74
 * bytes. A frame that names more is erased by several orders.
 */
export const MOST_NAMED = { blobs: 2_000, places: 64 } as const;

/** Most blobs that one request names of all its frames: a megabyte and a half of orders. */
export const MOST_BLOBS_AT_ONCE = 20_000;

/** How the bytes of an erased frame begin, in every store. */
export const erasedStart = HEAD;

/** The bytes that a store keeps of a frame whose own bytes had this sha256, 64 hex digits. */
const erasedBytes = (digest: string): Buffer => Buffer.from(`${HEAD}${digest}${TAIL}`);

/** sha256 of the bytes that were there before, 64 hex digits; undefined where nothing was erased. */
export const erasedDigest = (bytes: Uint8Array): string | undefined => {
  if (bytes.length !== LENGTH) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
  const digest = text.slice(HEAD.length, -TAIL.length);
  return text.startsWith(HEAD) && text.endsWith(TAIL) && isHash(digest) ? digest : undefined;
};

/** Bytes as they are once erased; what is erased already stays as it is. */
export const erase = (bytes: Uint8Array): Uint8Array =>
  erasedDigest(bytes) === undefined ? erasedBytes(hash("sha256", bytes, "hex")) : bytes;
