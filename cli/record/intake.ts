import { createDocumentJoiner, type JoinedDocument } from "#nervous-system/recorder/context-file/document-joiner.ts";
import type { RecordResult } from "#nervous-system/recorder/recorder.ts";
import type { LineSender, LineSenderEvents } from "#scribe/wrap/line-sender.ts";
import { readConsoleSpan } from "./console-span.ts";
import type { OpenRecord } from "./open-record.ts";

const MAX_UNANSWERED = 4096;
const MAX_BYTES = 8 * 1024 * 1024;

const neverEnded: RecordResult = { ok: false, code: "Malformed", reason: "the JSON that begins here never ends" };

const parseSpan = (text: string): ReturnType<typeof readConsoleSpan> => {
  if (!text.includes('"trace_id"')) return undefined;
  try {
    return readConsoleSpan(JSON.parse(text) as Record<string, unknown>);
  } catch {
    return undefined;
  }
};

/** Takes what a program writes, line by line, into the record: frames, JSON over several lines, and printed spans. */
class RecordIntake implements LineSender {
  private readonly record: OpenRecord;
  private readonly events: LineSenderEvents;
  private readonly joiner = createDocumentJoiner();
  private readonly underWay = new Set<Promise<RecordResult>>();
  private bytes = 0;

  constructor(record: OpenRecord, events: LineSenderEvents) {
    this.record = record;
    this.events = events;
  }

  send(line: string): void {
    for (const document of this.joiner.push(line)) this.take(document);
  }

  isFull(): boolean {
    return this.underWay.size >= MAX_UNANSWERED || this.bytes >= MAX_BYTES;
  }

  async flush(): Promise<boolean> {
    for (const document of this.joiner.end()) this.take(document);
    while (this.underWay.size > 0) await Promise.all(this.underWay);
    await Promise.resolve(); // the refusals among the last answers are told by now
    return this.record.lost() === 0;
  }

  close(): void {}

  private take({ text, isWhole }: JoinedDocument): void {
    const result = isWhole ? this.recordDocument(text) : Promise.resolve(neverEnded);
    this.underWay.add(result);
    this.bytes += text.length;
    void this.answer(text, result);
  }

  private async answer(text: string, result: Promise<RecordResult>): Promise<void> {
    const answer = await result;
    const wasFull = this.isFull();
    this.underWay.delete(result);
    this.bytes -= text.length;
    if (!answer.ok && this.record.lost() === 0) this.events.onRefused(text, answer.reason);
    if (wasFull && !this.isFull()) this.events.onDrain();
  }

  private async recordDocument(text: string): Promise<RecordResult> {
    const span = parseSpan(text);
    if (span === undefined) return this.record.line(text);
    const how = { producer: "agent" as const, ...(span.trace === undefined ? {} : { trace: span.trace }) };
    const told = await Promise.all(span.frames.map((frame) => this.record.hear(frame, how)));
    return told.find(({ ok }) => !ok) ?? told[0] ?? neverEnded;
  }
}

/** Creates the intake of a record; the file is the only thing that slows it. */
export const createIntake = (record: OpenRecord, events: LineSenderEvents): LineSender =>
  new RecordIntake(record, events);
