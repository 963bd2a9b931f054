import type { Socket } from "node:net";
import { fromBinary } from "@bufbuild/protobuf";
import * as z from "zod";
import type { ProducedFrame } from "#nervous-system/schemas/frames/parse-frame.ts";
import { encodeProducedFrame } from "#nervous-system/schemas/frames/produced-frame-codec.ts";
import { FrameAckSchema } from "#nervous-system/schemas/gen/context_pb.ts";
import { createLineSplitter, type SplitLine } from "./line-splitter.ts";
import { createMessageSplitter, delimit, PROTOBUF_OPENER, type SplitMessage } from "./delimited-messages.ts";

/** A frame as a producer sends it: its type, its payload, and what else it knows. */
export type FrameInput = ProducedFrame & {
  readonly parent_event_id?: string;
  readonly trace_id?: string;
  readonly span_id?: string;
};

/** What the recorder said of one frame: written to its log, or refused. */
export type FrameAck =
  | { readonly ok: true; readonly seq: number; readonly event_id: string }
  | { readonly ok: false; readonly reason: string };

/** How a connection to the recorder's socket writes frames and reads their answers. */
export type FrameEncoding = "json" | "protobuf";

/** One of the two languages of the socket, as its client speaks it. */
export type FrameLanguage = {
  /** What stands first on every connection. */
  readonly opening: Buffer | undefined;
  encode(frame: FrameInput): string | Buffer;
  /** Calls `onAck` for every answer in its order; undefined for one that cannot be read. */
  readAcks(socket: Socket, onAck: (ack: FrameAck | undefined) => void): void;
};

// An answer names a reason or an event id, and is far shorter.
const MAX_ACK_BYTES = 64 * 1024;

const ack = z.union([
  z.object({ ok: z.literal(true), seq: z.number(), event_id: z.string() }),
  z.object({ ok: z.literal(false), reason: z.string() }),
]);

const parseAck = (line: SplitLine): FrameAck | undefined => {
  try {
    return line.kind === "line" ? ack.parse(JSON.parse(line.bytes.toString("utf8"))) : undefined;
  } catch {
    return undefined;
  }
};

const json: FrameLanguage = {
  opening: undefined,
  encode: (frame) => `${JSON.stringify(frame)}\n`,
  readAcks: (socket, onAck) => {
    const lines = createLineSplitter(MAX_ACK_BYTES);
    socket.on("data", (chunk: Buffer) => {
      for (const line of lines.push(chunk)) onAck(parseAck(line));
    });
  },
};

/** Reads a `FrameAck`; undefined for what is none. */
export const decodeAck = (found: SplitMessage): FrameAck | undefined => {
  if (found.kind === "lost") return undefined;
  try {
    const { ok, seq, eventId, reason } = fromBinary(FrameAckSchema, found.bytes);
    return ok ? { ok, seq: Number(seq), event_id: eventId } : { ok, reason };
  } catch {
    return undefined;
  }
};

const protobuf: FrameLanguage = {
  opening: Buffer.from([PROTOBUF_OPENER]),
  encode: (frame) => delimit(encodeProducedFrame(frame)),
  readAcks: (socket, onAck) => {
    const splitter = createMessageSplitter(MAX_ACK_BYTES);
    socket.on("data", (chunk: Buffer) => {
      for (const found of splitter.push(chunk)) onAck(decodeAck(found));
    });
  },
};

/** The languages by their names. */
export const frameLanguages: Readonly<Record<FrameEncoding, FrameLanguage>> = { json, protobuf };
