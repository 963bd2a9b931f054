import { mayWrite } from "#nervous-system/schemas/frames/catalog.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import type { Producer } from "#nervous-system/schemas/frames/define-frame.ts";
import { maxFrameBytes, parseFrame, type ParsedFrame } from "#nervous-system/schemas/frames/parse-frame.ts";
import { hasFragileNumbers, parseExactJson } from "./exact-json.ts";
import type { TraceIds } from "../schemas/ids.ts";

/** Why a frame got no sequence number. */
export type Refusal = { ok: false; code: "Malformed" | "Forbidden" | "TooLarge"; reason: string };

/** A frame that may be recorded. */
export type Accepted = Omit<Extract<ParsedFrame, { ok: true }>, "flags"> & {
  flags: NonNullable<Envelope["flags"]>;
  trace?: TraceIds;
};

const refusal = (code: Refusal["code"], reason: string): Refusal => ({ ok: false, code, reason });

const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/;
const SPAN_ID = /^(?!0{16})[0-9a-f]{16}$/;

/** Takes valid trace ids out of the top level: they belong to the envelope, so that trace and frame find each other. */
const splitTrace = (value: unknown): { rest: unknown; trace?: TraceIds } => {
  if (typeof value !== "object" || value === null) return { rest: value };
  const { trace_id: traceId, span_id: spanId, ...rest } = value as Record<string, unknown>;
  if (typeof traceId !== "string" || typeof spanId !== "string") return { rest: value };
  if (!TRACE_ID.test(traceId) || !SPAN_ID.test(spanId)) return { rest: value };
  return { rest, trace: { traceId, spanId } };
};

/** Checks a value against the rules of frames and the rights of its producer. */
export const readFrame = (value: unknown, producer: Producer): Accepted | Refusal => {
  const { rest, trace } = splitTrace(value);
  const parsed = parseFrame(rest);
  if (!parsed.ok) return refusal("Malformed", parsed.reason);
  const type = parsed.frame.event_type;
  if (!mayWrite(producer, type)) {
    return refusal("Forbidden", `the producer "${producer}" may not write ${type} frames`);
  }
  return trace === undefined ? parsed : { ...parsed, trace };
};

/** The refusal of a line or frame of more than 256 KiB. */
export const tooLarge = (): Refusal =>
  refusal("TooLarge", `the frame is larger than ${maxFrameBytes} bytes; put long texts into a blob`);

const withExactNumbers = (accepted: Accepted, line: string, producer: Producer): Accepted => {
  const exact = readFrame(parseExactJson(line), producer);
  // Judged by its values, written by its spelling: a kept number is no number to the schema.
  return exact.ok ? { ...exact, flags: accepted.flags } : accepted;
};

/** Reads one line of JSON that a producer wrote. */
export const readLine = (line: string, producer: Producer): Accepted | Refusal => {
  if (Buffer.byteLength(line) > maxFrameBytes) return tooLarge();
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return refusal("Malformed", "the line is not JSON; write one JSON object a line");
  }
  const accepted = readFrame(value, producer);
  return accepted.ok && hasFragileNumbers(line) ? withExactNumbers(accepted, line, producer) : accepted;
};
