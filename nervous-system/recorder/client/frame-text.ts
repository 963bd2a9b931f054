import { maxFrameBytes } from "#nervous-system/schemas/frames/frame-limits.ts";
import type { ProducedFrame } from "#nervous-system/schemas/frames/parse-frame.ts";
import { renderTimestamp } from "#nervous-system/schemas/timestamp.ts";
import type { Redactor } from "../redact.ts";
import type { ClientFrame } from "./contract.ts";

/** A frame that was taken: its id, and when. */
export type TakenInput = { readonly frame: ClientFrame; readonly eventId: string; readonly nowNs: bigint };

/** The line that goes to the socket or the log, or why there is none. */
export type FrameText = { ok: true; line: string } | { ok: false; reason: string };

const refused = (reason: string): FrameText => ({ ok: false, reason });

/** The frame in the socket's form, without secrets: members of other names go to the payload, as the scribe would put them. */
const withoutSecrets = ({ frame, eventId, nowNs }: TakenInput, redactor: Redactor): unknown => {
  const { event_type, payload, event_id: _id, timestamp, agent_id, ...rest } = frame;
  const { related_commit_hash, parent_event_id, trace_id, span_id, ...others } = rest;
  const told: ProducedFrame = { event_id: eventId, event_type, payload: { ...others, ...payload } };
  if (agent_id !== undefined) told.agent_id = agent_id;
  if (related_commit_hash !== undefined) told.related_commit_hash = related_commit_hash;
  const { frame: clean } = redactor.redact(told);
  return {
    event_id: clean.event_id,
    timestamp: timestamp ?? renderTimestamp(nowNs),
    agent_id: clean.agent_id,
    event_type,
    related_commit_hash: clean.related_commit_hash,
    // Programs in JavaScript hand in anything.
    parent_event_id: typeof parent_event_id === "string" ? redactor.redactId(parent_event_id) : parent_event_id,
    trace_id,
    span_id,
    payload: clean.payload,
  };
};

/** Makes the line of a frame; whatever a program hands in never throws. */
export const frameText = (taken: TakenInput, redactor: Redactor): FrameText => {
  let line: string;
  try {
    line = JSON.stringify(withoutSecrets(taken, redactor));
  } catch (error) {
    return refused(`the frame is no JSON: ${(error as Error).message}`);
  }
  const isTooLarge = line.length > maxFrameBytes || Buffer.byteLength(line) > maxFrameBytes;
  return isTooLarge
    ? refused(`the frame is larger than ${maxFrameBytes} bytes; put long texts into a blob`)
    : { ok: true, line };
};

/** About how much memory a frame holds, without looking deep. */
export const roughSize = ({ payload }: ClientFrame): number => {
  let size = 512;
  // Without a list of the members: this is the caller's time.
  for (const name in payload) {
    const value = payload[name];
    size += typeof value === "string" ? value.length : 64;
  }
  return size;
};
