import type { Recorder, RecordResult } from "#nervous-system/recorder/recorder.ts";

/** The part of a recorder that a connection uses. */
export type FrameRecorder = Pick<Recorder, "record" | "recordLine">;

/** One frame as it came: how large, and how to record it. */
export type Incoming = { readonly bytes: number; record(recorder: FrameRecorder): Promise<RecordResult> };

/** How one connection speaks: JSON lines or protobuf. */
export type Dialect = {
  /** Takes bytes; answers the whole frames among them. */
  push(chunk: Buffer): Incoming[];
  /** What stands at the end of the connection without its own end. */
  end(): Incoming[];
  /** The answer to one frame. */
  render(result: RecordResult): string | Buffer;
  /** Whether nothing behind the last frame can be understood any more. */
  isLost(): boolean;
};

/** A frame that was refused before the recorder saw it. */
export const refusedFrame = (reason: string, code: "Malformed" | "TooLarge" = "Malformed"): Incoming => ({
  bytes: 0,
  record: () => Promise.resolve({ ok: false, code, reason }),
});
