import { parseEnvelope, type RecordedFrame } from "#nervous-system/schemas/envelope.ts";

// A line of `swarm_context.jsonl` is the producer's part as it was written, with one member more at its end:
//   {"event_id":…,"timestamp":…,"agent_id":…,"event_type":…,"payload":{…},"enchanted":{"envelope":{…},"prev_hash":"…","hash":"…"}}
// Cutting that member off gives back the exact bytes that the hash covers. A quote inside a JSON string is escaped, so the
// member's text cannot stand in the middle of a string, and its last occurrence is ours.
const MEMBER = ',"enchanted":{"envelope":';
const SUFFIX = /^(\{.*\}),"prev_hash":"([0-9a-f]{64})","hash":"([0-9a-f]{64})"\}\}$/s; // U+2028 in an id is no end of a line

/** Every line that we write begins so. */
export const frameLineStart = '{"event_id":';

/** The line of a frame, without its newline. */
export const renderFrameLine = (frame: RecordedFrame): string => {
  const part = Buffer.from(frame.bytes).toString("utf8");
  const { envelopeText, prevHash, hash } = frame;
  return `${part.slice(0, -1)}${MEMBER}${envelopeText},"prev_hash":"${prevHash}","hash":"${hash}"}}`;
};

/** What a line holds: a frame with its proof, a frame whose proof cannot be read, or something else. */
export type ParsedFrameLine =
  | { kind: "frame"; frame: RecordedFrame }
  | { kind: "damaged"; reason: string }
  | { kind: "other" };

const isObjectText = (text: string): boolean => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
};

/** Reads one line; the hash is not judged here. */
export const parseFrameLine = (line: string): ParsedFrameLine => {
  const at = line.lastIndexOf(MEMBER);
  if (at < 0) return { kind: "other" };
  const [, text, prevHash, hash] = SUFFIX.exec(line.slice(at + MEMBER.length)) ?? [];
  const part = `${line.slice(0, at)}}`;
  if (text === undefined || prevHash === undefined || hash === undefined || !isObjectText(part))
    return { kind: "damaged", reason: "the line is not whole JSON" };
  const parsed = parseEnvelope(text);
  if (!parsed.ok) return { kind: "damaged", reason: parsed.reason };
  const { envelope } = parsed;
  return { kind: "frame", frame: { envelope, envelopeText: text, bytes: Buffer.from(part), prevHash, hash } };
};
