import { isUtf8 } from "node:buffer";
import type { Socket } from "node:net";
import type { Recorder, RecordResult } from "#nervous-system/recorder/recorder.ts";
import { maxFrameBytes } from "#nervous-system/schemas/frames/parse-frame.ts";
import { createLineSplitter, type SplitLine } from "./line-splitter.ts";
import type { ReadBudget } from "./read-budget.ts";

/** What a connection needs. */
export type FrameConnectionOptions = {
  recorder: Pick<Recorder, "recordLine">;
  budget: ReadBudget;
  /** Told of every frame that is refused. */
  onRefused: (reason: string) => void;
};

// What one connection may have under way: a writer that never waits for its answers is slowed to the disk's pace.
const MAX_UNANSWERED = 1024;

const refused = (reason: string): RecordResult => ({ ok: false, code: "Malformed", reason });

const recordSplit = (line: SplitLine, recorder: Pick<Recorder, "recordLine">): Promise<RecordResult> => {
  if (line.kind === "tooLong") {
    return Promise.resolve(refused(`the line is longer than ${maxFrameBytes} bytes; put long texts into a blob`));
  }
  if (!isUtf8(line.bytes)) return Promise.resolve(refused("the line is not UTF-8"));
  return recorder.recordLine(line.bytes.toString("utf8"), { producer: "agent" });
};

const renderAnswer = (result: RecordResult): string =>
  result.ok
    ? `{"ok":true,"seq":${result.seq},"event_id":${JSON.stringify(result.eventId)}}\n`
    : `{"ok":false,"reason":${JSON.stringify(result.reason)}}\n`;

/** Serves one connection: lines in, as many answers out, in the same order, each after its frame is on the medium. */
export const serveFrameConnection = (socket: Socket, options: FrameConnectionOptions): void => {
  const { recorder, budget, onRefused } = options;
  const splitter = createLineSplitter(maxFrameBytes);
  let unanswered = 0;
  let answers: Promise<void> = Promise.resolve();

  const resumeIfRoom = (): void => {
    if (unanswered < MAX_UNANSWERED && !budget.isSpent() && !socket.writableNeedDrain) socket.resume();
  };
  const answer = async (pending: Promise<RecordResult>, bytes: number): Promise<void> => {
    const result = await pending.catch(() => refused("the recorder is stopping; this frame was not recorded"));
    if (!result.ok) onRefused(result.reason);
    unanswered -= 1;
    if (socket.writable) socket.write(renderAnswer(result));
    budget.release(bytes);
    resumeIfRoom();
  };
  const accept = (line: SplitLine): void => {
    const bytes = line.kind === "line" ? line.bytes.length : 0;
    unanswered += 1;
    budget.take(bytes);
    const pending = recordSplit(line, recorder);
    answers = answers.then(() => answer(pending, bytes));
  };
  const pauseIfFull = (): void => {
    if (budget.isSpent()) budget.whenRoom(resumeIfRoom);
    if (unanswered >= MAX_UNANSWERED || budget.isSpent() || socket.writableNeedDrain) socket.pause();
  };
  socket.on("data", (chunk: Buffer) => {
    for (const line of splitter.push(chunk)) accept(line);
    pauseIfFull();
  });
  socket.on("drain", resumeIfRoom);
  socket.on("end", () => {
    for (const line of splitter.end()) accept(line);
    void answers.then(() => socket.end());
  });
  socket.on("error", () => socket.destroy());
};
