import { Buffer } from "node:buffer";
import { withoutMark } from "./fields.ts";
import { gatherBytes } from "#nervous-system/kernel/gathered-bytes.ts";

/** One server-sent event: its exact bytes, blank line included, and what they say. */
export type SseEvent = { readonly bytes: Buffer; readonly event: string; readonly data: string };

/** Cuts a stream of server-sent events at its blank lines, losing and changing no byte. */
export type SseSplitter = {
  /** Takes a chunk and answers the events that it completed. */
  push(chunk: Uint8Array): readonly SseEvent[];
  /** Ends the stream; answers what came after the last blank line, if anything did: an event, or a text that is none as its data. */
  end(): readonly SseEvent[];
  /** Whether every event was answered: one that is still unfinished beyond the bound is dropped. */
  isWhole(): boolean;
};

const parseSseEvent = (bytes: Buffer): SseEvent => {
  let event = "";
  const data: string[] = [];
  for (const line of withoutMark(bytes.toString("utf8")).split(/\r\n|\n|\r/)) {
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") event = value;
    if (field === "data") data.push(value);
  }
  return { bytes, event, data: data.join("\n") };
};

const lf = 10;
const cr = 13;

/** Further blank lines belong to the event before: as events they would be as many as bytes. */
const behindBlankLines = (bytes: Buffer, from: number): number => {
  let at = from;
  while (bytes[at] === lf || bytes[at] === cr) at += 1;
  return at;
};

// A line ends by LF or CR LF here; a lone CR, which the standard allows, no model server writes.
const endOfEvent = (bytes: Buffer, from: number): number => {
  for (let at = bytes.indexOf(lf, from); at >= 0; at = bytes.indexOf(lf, at + 1)) {
    const isBlank = bytes[at + 1] === lf || (bytes[at + 1] === cr && bytes[at + 2] === lf);
    if (isBlank) return behindBlankLines(bytes, at + 1);
  }
  return -1;
};

// A boundary may lie across two chunks: at most its last three bytes were seen before.
const seamBytes = 3;

/**
 * Creates a splitter; it holds at most one unfinished event, of up to `maxEventBytes` and a chunk, gathered: joining it at each
 * chunk would cost the square of its length.
 */
export const createSseSplitter = (maxEventBytes = Infinity): SseSplitter => {
  let held = gatherBytes();
  let seam: Buffer = Buffer.alloc(0);
  let isDropping = false;
  let isWhole = true;
  const drop = (): void => {
    [isDropping, isWhole] = [true, false];
    held = gatherBytes();
    held.add(seam); // its end may lie across it
  };
  return {
    push: (chunk) => {
      const around = Buffer.concat([seam, chunk]);
      if (endOfEvent(around, 0) < 0) {
        held.add(chunk);
        seam = around.subarray(-seamBytes);
        if (held.size > maxEventBytes) drop();
        return [];
      }
      held.add(chunk);
      let pending = held.take();
      let from = pending.length - around.length;
      const events: SseEvent[] = [];
      for (let end = endOfEvent(pending, from); end >= 0; end = endOfEvent(pending, from)) {
        events.push(parseSseEvent(pending.subarray(0, end)));
        pending = pending.subarray(end);
        from = 0;
      }
      held.add(pending);
      seam = pending.subarray(-seamBytes);
      if (isDropping) events.shift();
      isDropping = false;
      return events;
    },
    end: () => {
      const rest = held.take();
      if (rest.length === 0 || isDropping) return [];
      const event = parseSseEvent(rest);
      return [event.data === "" ? { ...event, data: rest.toString("utf8") } : event];
    },
    isWhole: () => isWhole,
  };
};
