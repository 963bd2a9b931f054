import { create, toBinary } from "@bufbuild/protobuf";
import { createMessageSplitter, delimit, type SplitMessage } from "#nervous-system/comms/socket/delimited-messages.ts";
import type { RecordResult } from "#nervous-system/recorder/recorder.ts";
import { maxFrameBytes } from "#nervous-system/schemas/frames/parse-frame.ts";
import { decodeProducedFrame } from "#nervous-system/schemas/frames/produced-frame-codec.ts";
import { FrameAckSchema } from "#nervous-system/schemas/gen/context_pb.ts";
import { refusedFrame, type Dialect, type FrameRecorder, type Incoming } from "./frame-protocol.ts";

// A frame of JSON may take a little more room as a message of its own.
const MAX_MESSAGE_BYTES = maxFrameBytes + 4096;

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

const recordMessage = (bytes: Buffer, recorder: FrameRecorder): Promise<RecordResult> => {
  const decoded = decodeProducedFrame(bytes);
  const how = { producer: "agent" as const };
  if (!decoded.ok) return refusedFrame(decoded.reason).record(recorder);
  const { frame, payloadJson } = decoded;
  if (payloadJson === undefined) return recorder.record(frame, how);
  if (!isJson(payloadJson)) return refusedFrame("payload_json is not JSON").record(recorder);
  // As a line, so that the numbers of the payload keep their spelling.
  const members = JSON.stringify(frame).slice(1, -1);
  return recorder.recordLine(`{${members}${members === "" ? "" : ","}"payload":${payloadJson}}`, how);
};

const incomingOf = (found: SplitMessage): Incoming => {
  if (found.kind === "message") {
    const { bytes } = found;
    return { bytes: bytes.length, record: (recorder) => recordMessage(bytes, recorder) };
  }
  const { reason, isTooLong } = found;
  const advice = isTooLong ? "; put long texts into a blob" : "";
  return refusedFrame(
    `${reason}${advice}; the connection is closed, since what follows cannot be told from it`,
    isTooLong ? "TooLarge" : "Malformed",
  );
};

const render = (result: RecordResult): Buffer => {
  const said = result.ok
    ? { ok: true, seq: BigInt(result.seq), eventId: result.eventId }
    : { ok: false, reason: result.reason };
  return delimit(toBinary(FrameAckSchema, create(FrameAckSchema, said)));
};

/** Messages of `enchanted.v1.ProducedFrame` behind their lengths, a `FrameAck` back for each; the opener is behind us. */
export const createProtobufDialect = (): Dialect => {
  const splitter = createMessageSplitter(MAX_MESSAGE_BYTES);
  return {
    push: (chunk) => splitter.push(chunk).map(incomingOf),
    end: () => splitter.end().map(incomingOf),
    render,
    isLost: () => splitter.isLost(),
  };
};
