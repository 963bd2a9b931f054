import { isUtf8 } from "node:buffer";
import type { Readable } from "node:stream";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { maxFrameBytes } from "#nervous-system/schemas/frames/parse-frame.ts";
import { createLineSplitter, type SplitLine } from "#nervous-system/comms/socket/line-splitter.ts";
import { createLineSender, type LineSender, type LineSenderEvents } from "./line-sender.ts";

/** Turns what was refused into ERROR frames, a bounded number of them: a flood of garbage must not become a flood of errors. */
type RefusalReport = {
  /** The frame to send, or nothing when enough has been said. */
  onRefused(reason: string, line: string): string | undefined;
  /** The last word: how many more were refused than were told one by one. */
  atEnd(): string | undefined;
};

const MAX_TOLD = 20;
const HEAD_CHARS = 200;

const errorFrame = (message: string, head?: string): string =>
  JSON.stringify({
    event_type: "ERROR",
    payload: { message, fatal: false, ...(head === undefined ? {} : { line: head }) },
  });

/** Creates a report that has told nothing yet. */
const createRefusalReport = (): RefusalReport => {
  let refused = 0;
  return {
    onRefused: (reason, line) => {
      refused += 1;
      return refused <= MAX_TOLD
        ? errorFrame(`a line on FD 3 was refused: ${reason}`, line.slice(0, HEAD_CHARS))
        : undefined;
    },
    atEnd: () => (refused > MAX_TOLD ? errorFrame(`${refused - MAX_TOLD} more lines on FD 3 were refused`) : undefined),
  };
};

/** Copies what a child writes to FD 3 into the scribe's socket. */
type FrameForwarder = {
  /** After the child's exit: waits for the end of the pipe and for every answer, `limitMs` in all; false if frames are left. */
  finish(limitMs: number): Promise<boolean>;
};

/** What a forwarder connects: a source, and a socket or whatever else takes lines. */
type FrameForwarderOptions = {
  source: Readable;
  clock: Clock;
  /** Takes out of a line what must not leave this process. */
  clean?: (line: string) => string;
} & ({ socketPath: string } | { openSender: (events: LineSenderEvents) => LineSender });

const senderOf = (options: FrameForwarderOptions, events: LineSenderEvents): LineSender =>
  "openSender" in options
    ? options.openSender(events)
    : createLineSender({ path: options.socketPath, clock: options.clock, ...events });

/** Begins to copy lines; garbage is reported as ERROR frames and never disturbs the child. */
export const forwardFrames = (options: FrameForwarderOptions): FrameForwarder => {
  const { source, clock, clean = (line: string) => line } = options;
  const splitter = createLineSplitter(maxFrameBytes);
  const report = createRefusalReport();
  const reported = new Set<string>();
  const sender = senderOf(options, {
    onRefused: (line, reason) => {
      if (!reported.delete(line)) tell(report.onRefused(reason, line)); // a refused report is not reported in turn
    },
    onDrain: () => void source.resume(),
  });
  const tell = (frame: string | undefined): void => {
    if (frame === undefined) return;
    reported.add(frame);
    sender.send(frame);
  };
  const forward = (line: SplitLine): void => {
    if (line.kind === "tooLong") return tell(report.onRefused(`it is longer than ${maxFrameBytes} bytes`, ""));
    if (!isUtf8(line.bytes)) return tell(report.onRefused("it is not UTF-8", clean(line.bytes.toString("latin1"))));
    const text = clean(line.bytes.toString("utf8"));
    if (text.trim() !== "") sender.send(text);
  };
  const ended = new Promise<void>((resolve) => {
    source.on("data", (chunk: Buffer) => {
      for (const line of splitter.push(chunk)) forward(line);
      if (sender.isFull()) source.pause();
    });
    source.once("end", resolve);
    source.once("close", resolve);
    source.on("error", () => resolve());
  });
  return {
    finish: async (limitMs) => {
      const until = clock.monotonicMs() + limitMs;
      const waiting = new AbortController();
      await Promise.race([ended, clock.sleep(limitMs, waiting.signal).catch(() => undefined)]);
      waiting.abort();
      source.destroy();
      for (const line of splitter.end()) forward(line);
      await sender.flush(Math.max(0, until - clock.monotonicMs())); // refusals among the last answers are reported yet
      tell(report.atEnd());
      const isWhole = await sender.flush(Math.max(0, until - clock.monotonicMs()));
      sender.close();
      return isWhole;
    },
  };
};
