import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import type { FrameRecord } from "#nervous-system/codecs/otlp/encode-logs.ts";

/** A frame as the recorder's exporter sends it. */
export const outgoing = (frame: RecordedFrame): FrameRecord => ({
  eventType: frame.envelope.event_type,
  timeUnixNano: 1n,
  observedTimeUnixNano: BigInt(frame.envelope.observed),
  bytes: frame.bytes,
  envelope: frame.envelopeText,
  prevHash: frame.prevHash,
  hash: frame.hash,
});
