import { maxFrameBytes, parseFrame, type ParsedFrame } from "#nervous-system/schemas/frames/parse-frame.ts";

/** Reads one line of JSON; see `parseFrame`. */
export const parseFrameText = (line: string): ParsedFrame => {
  if (Buffer.byteLength(line) > maxFrameBytes)
    return {
      ok: false,
      reason: `the frame is larger than ${maxFrameBytes} bytes; put long texts into a blob`,
    };
  try {
    return parseFrame(JSON.parse(line));
  } catch {
    return { ok: false, reason: "the line is not JSON" };
  }
};
