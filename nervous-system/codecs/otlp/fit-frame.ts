import { maxFrameBytes, type ProducedFrame } from "#nervous-system/schemas/frames/parse-frame.ts";
import type { Members } from "./frame-values.ts";

// Room for the stamps that a recorder may add.
const MAX_BYTES = maxFrameBytes - 1024;

const sizeOf = (frame: ProducedFrame): number => Buffer.byteLength(JSON.stringify(frame));

/** The first `units` UTF-16 units of a text, no half of a pair. */
const headOf = (text: string, units: number): string => text.slice(0, units).replace(/[\uD800-\uDBFF]$/, "");

/** Cuts every text longer than `units` to a head. */
const withHeads = (value: unknown, units: number): unknown => {
  if (typeof value === "string") return value.length > units ? headOf(value, units) : value;
  if (Array.isArray(value)) return value.map((item) => withHeads(item, units));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, held]) => [name, withHeads(held, units)]));
};

const isShort = (value: unknown): boolean =>
  typeof value === "number" || typeof value === "boolean" || (typeof value === "string" && value.length <= 256);

/** A copy of a text of its own: a slice would keep the whole text in memory for as long as its frame is. */
const alone = (text: string): string => Buffer.from(text, "utf16le").toString("utf16le");

const SHORT_MEMBERS = 64;
const LONGEST = 128 * 1024;
const SHORTEST = 64;

/** What cannot be cut text by text: its short members, and the head of its JSON. */
const headOfPayload = (payload: Members): Members => ({
  ...Object.fromEntries(
    Object.entries(payload)
      .filter(([name, value]) => name.length <= 256 && isShort(value))
      .slice(0, SHORT_MEMBERS),
  ),
  head: alone(headOf(JSON.stringify(payload), 16 * 1024)),
});

/**
 * The frame in at most 256 KiB: the longest texts of a larger one are cut to a head, all to the same length, and the
 * payload says `truncated: true`.
 */
export const fitFrame = <F extends ProducedFrame>(frame: F): F => {
  if (sizeOf(frame) <= MAX_BYTES) return frame;
  const { payload } = frame;
  const cutTo = (units: number): F | undefined => {
    const cut = { ...frame, payload: { ...(withHeads(payload, units) as Members), truncated: true } };
    return sizeOf(cut) <= MAX_BYTES ? cut : undefined;
  };
  const shortest = cutTo(SHORTEST);
  if (shortest === undefined) return { ...frame, payload: { ...headOfPayload(payload), truncated: true } };
  for (let units = LONGEST; units > SHORTEST; units /= 2) {
    const cut = cutTo(units);
    if (cut !== undefined) return cut;
  }
  return shortest;
};
