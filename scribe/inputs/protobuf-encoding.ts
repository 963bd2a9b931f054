import { create, toBinary } from "@bufbuild/protobuf";
import { isJsonText } from "#nervous-system/kernel/json-object.ts";
import type { RecordResult } from "#nervous-system/recorder/recorder.ts";
import { maxFrameBytes } from "#nervous-system/schemas/frames/parse-frame.ts";
import { createMessageSplitter, delimit, type SplitMessage } from "#nervous-system/comms/socket/delimited-messages.ts";
import { decodeProducedFrame } from "#nervous-system/schemas/frames/produced-frame-codec.ts";
import { FrameAckSchema } from "#nervous-system/schemas/gen/context_pb.ts";
import { refusedFrame, type FrameRecorder, type Incoming, type SocketEncoding } from "./frame-encodings.ts";

// A frame of JSON may take a little more room as a message of its own.
const MAX_MESSAGE_BYTES = maxFrameBytes + 4096;

const recordMessage = (bytes: Buffer, recorder: FrameRecorder): Promise<RecordResult> => {
  const decoded = decodeProducedFrame(bytes);
  const how = { producer: "agent" as const };
  if (!decoded.ok) return refusedFrame(decoded.reason).record(recorder);
  const { frame, payloadJson } = decoded;
  if (payloadJson === undefined) return recorder.record(frame, how);
  if (!isJsonText(payloadJson)) return refusedFrame("payload_json is not JSON").record(recorder);
  // As a line, so that the numbers of the payload keep their spelling.
  const members = JSON.stringify(frame).slice(1, -1);
  return recorder.recordLine(`{${members}${members === "" ? "" : ","}"payload":${payloadJson}}`, how);
};

const messageFrame = (found: SplitMessage): Incoming => {
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

const renderMessage = (result: RecordResult): Buffer => {
  const said = result.ok
    ? { ok: true, seq: BigInt(result.seq), eventId: result.eventId }
    : { ok: false, reason: result.reason };
  return delimit(toBinary(FrameAckSchema, create(FrameAckSchema, said)));
};

/** Messages of `enchanted.v1.ProducedFrame` behind their lengths, a `FrameAck` back for each; the opener is behind us. */
export const createProtobufEncoding = (): SocketEncoding => {
  const splitter = createMessageSplitter(MAX_MESSAGE_BYTES);
  return {
    push: (chunk) => splitter.push(chunk).map(messageFrame),
    end: () => splitter.end().map(messageFrame),
    render: renderMessage,
    isLost: () => splitter.isLost(),
    unfinished: () => splitter.unfinished(),
  };
};
