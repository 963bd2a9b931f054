import { isUtf8 } from "node:buffer";
import type { RecordResult } from "#nervous-system/recorder/recorder.ts";
import { maxFrameBytes } from "#nervous-system/schemas/frames/parse-frame.ts";
import { refusedFrame, type Dialect, type Incoming } from "./frame-protocol.ts";
import { createLineSplitter, type SplitLine } from "./line-splitter.ts";

const incomingOf = (line: SplitLine): Incoming => {
  if (line.kind === "tooLong")
    return refusedFrame(`the line is longer than ${maxFrameBytes} bytes; put long texts into a blob`, "TooLarge");
  const { bytes } = line;
  if (!isUtf8(bytes)) return refusedFrame("the line is not UTF-8");
  return {
    bytes: bytes.length,
    record: (recorder) => recorder.recordLine(bytes.toString("utf8"), { producer: "agent" }),
  };
};

const render = (result: RecordResult): string =>
  result.ok
    ? `{"ok":true,"seq":${result.seq},"event_id":${JSON.stringify(result.eventId)}}\n`
    : `{"ok":false,"reason":${JSON.stringify(result.reason)}}\n`;

/** One JSON object a line, one line back for each. */
export const createJsonDialect = (): Dialect => {
  const splitter = createLineSplitter(maxFrameBytes);
  return {
    push: (chunk) => splitter.push(chunk).map(incomingOf),
    end: () => splitter.end().map(incomingOf),
    render,
    isLost: () => false, // the next newline is a new beginning
  };
};
