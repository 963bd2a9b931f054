import { isUtf8 } from "node:buffer";
import type { Recorder, RecordResult } from "#nervous-system/recorder/recorder.ts";
import { maxFrameBytes } from "#nervous-system/schemas/frames/parse-frame.ts";
import { createLineSplitter, type SplitLine } from "#nervous-system/comms/socket/line-splitter.ts";

/** The part of a recorder that a connection uses. */
export type FrameRecorder = Pick<Recorder, "record" | "recordLine">;

/** One frame as it came: how large, and how to record it. */
export type Incoming = { readonly bytes: number; record(recorder: FrameRecorder): Promise<RecordResult> };

/** How the frames of one connection are encoded: JSON lines or protobuf. */
export type SocketEncoding = {
  /** Takes bytes; answers the whole frames among them. */
  push(chunk: Buffer): Incoming[];
  /** What stands at the end of the connection without its own end. */
  end(): Incoming[];
  /** The answer to one frame. */
  render(result: RecordResult): string | Buffer;
  /** Whether nothing behind the last frame can be understood any more. */
  isLost(): boolean;
  /** Bytes held of a frame whose end has not come. */
  unfinished(): number;
};

/** A frame that was refused before the recorder saw it. */
export const refusedFrame = (reason: string, code: "Malformed" | "TooLarge" = "Malformed"): Incoming => ({
  bytes: 0,
  record: () => Promise.resolve({ ok: false, code, reason }),
});

const lineFrame = (line: SplitLine): Incoming => {
  if (line.kind === "tooLong")
    return refusedFrame(`the line is longer than ${maxFrameBytes} bytes; put long texts into a blob`, "TooLarge");
  const { bytes } = line;
  if (!isUtf8(bytes)) return refusedFrame("the line is not UTF-8");
  return {
    bytes: bytes.length,
    record: (recorder) => recorder.recordLine(bytes.toString("utf8"), { producer: "agent" }),
  };
};

// A producer's own words come back in answers: in ASCII, so that no reader of lines finds another end of line in them.
const quote = (text: string): string =>
  JSON.stringify(text).replaceAll(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

const renderLine = (result: RecordResult): string =>
  result.ok
    ? `{"ok":true,"seq":${result.seq},"event_id":${quote(result.eventId)}}\n`
    : `{"ok":false,"reason":${quote(result.reason)}}\n`;

/** One JSON object a line, one line back for each. */
export const createJsonEncoding = (): SocketEncoding => {
  const splitter = createLineSplitter(maxFrameBytes);
  return {
    push: (chunk) => splitter.push(chunk).map(lineFrame),
    end: () => splitter.end().map(lineFrame),
    render: renderLine,
    isLost: () => false, // the next newline is a new beginning
    unfinished: () => splitter.unfinished(),
  };
};
