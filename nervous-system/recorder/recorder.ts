import type { Clock } from "#nervous-system/kernel/clock.ts";
import { zeroHash } from "#nervous-system/schemas/chain.ts";
import type { Producer } from "#nervous-system/schemas/frames/define-frame.ts";
import { maxFrameBytes, type ProducedFrame } from "#nervous-system/schemas/frames/parse-frame.ts";
import type { Ids, TraceIds } from "#nervous-system/schemas/ids.ts";
import {
  composeFrame,
  positionAfter,
  type ChainPosition,
  type FrameSubject,
  type RecorderIdentity,
} from "./compose.ts";
import { parseExactJson } from "./exact-json.ts";
import type { Redactor } from "./redact.ts";
import { readFrame, readLine, tooLarge, type Accepted, type Refusal } from "./read-input.ts";
import { createRecentEvents, type RecentEvents } from "./recent-events.ts";
import { decodeStoredFrame, encodeStoredFrame, decodePosition } from "./stored-record.ts";
import type { Wal } from "./wal/wal.ts";
import type { Room } from "./wal/writer.ts";

/** Where a chain continues after a restart, and how many acknowledged frames before it cannot be read any more. */
type RecoveredPosition = { position: ChainPosition | undefined; lost: number };

/** Finds the end of the chain in the log: its last readable record, or what the cursor remembers if that is newer. */
const recoverPosition = (wal: Pick<Wal, "last" | "first" | "cursor">): RecoveredPosition => {
  const cursor = wal.cursor();
  const stored = decodePosition(cursor.note);
  const last = wal.last;
  if (last !== undefined && last.index >= cursor.index) {
    return { position: positionAfter(decodeStoredFrame(last.payload)), lost: wal.first - 1 - last.index };
  }
  // Not one record is left to tell: then all that were ever given out are lost.
  if (stored === undefined) return { position: undefined, lost: wal.first - 1 };
  return { position: stored, lost: wal.first - 1 - cursor.index };
};

/** The part of a log that a recorder uses. */
export type RecorderLog = Pick<Wal, "append" | "reader" | "first" | "last" | "cursor">;

/** What a recorder is made of. */
export type RecorderOptions = {
  identity: RecorderIdentity;
  wal: RecorderLog;
  clock: Pick<Clock, "nowNs">;
  ids: Ids;
  /** Takes secrets out of what producers say; without it everything is written as it came. */
  redactor?: Redactor | undefined;
  /** Attempt of the agent, or starts of the component. */
  epoch: number;
  /** Hash that the epoch resumes from, 64 hex digits; without it the chain continues from what the log holds. */
  resumeHash?: string;
};

/** Who writes a frame, and what it belongs to. */
type RecordOptions = {
  producer: Producer;
  trace?: TraceIds;
  subject?: FrameSubject;
  /** Whether secrets were taken out of it before it came here. */
  withheld?: boolean;
};

/** The place that a frame got, or why it got none. */
export type RecordResult = { ok: true; seq: number; eventId: string } | Refusal;

/** Gives frames their sequence number, their envelope and their link in the chain. */
export type Recorder = {
  /** Resolves when the frame is on the medium (*written*), or with the reason why it is refused; rejects once the log is closed. */
  record(frame: unknown, options: RecordOptions): Promise<RecordResult>;
  /** The same for a line of JSON, whose numbers keep their spelling. */
  recordLine(line: string, options: RecordOptions): Promise<RecordResult>;
  /** Names frames at the end of the log that were acknowledged and cannot be read any more, by a GAP behind them. */
  tellOfLoss(count: number): Promise<RecordResult>;
  epoch: number;
  identity: RecorderIdentity;
  /** Sequence number and hash of the last frame *written* in this epoch: 0 and the hash resumed from before the first. */
  written(): { seq: number; hash: string };
};

const RECENT_EVENTS = 4096;

const gapFrame = (epoch: number, from: number, to: number): ProducedFrame => ({
  event_type: "GAP",
  payload: { epoch, from, to, why: "acknowledged frames at the end of the log could not be read any more" },
});

const startOfEpoch = (options: RecorderOptions, found: ChainPosition | undefined): ChainPosition => {
  const { epoch, resumeHash } = options;
  if (found !== undefined && found.epoch > epoch) {
    throw new Error(`the log belongs to epoch ${found.epoch}, later than ${epoch}; give each attempt a log of its own`);
  }
  if (found?.epoch === epoch) return found;
  return { epoch, seq: 0, hash: resumeHash ?? found?.hash ?? zeroHash, observedNs: found?.observedNs ?? 0n };
};

/** The mutable end of a chain: every frame goes through `append`, in the order of its calls. */
class ChainWriter {
  position: ChainPosition;
  written: { seq: number; hash: string };
  private readonly options: RecorderOptions;

  constructor(options: RecorderOptions, position: ChainPosition) {
    this.options = options;
    this.position = position;
    this.written = position;
  }

  /** Throws for a frame that cannot be composed; the chain then stands where it stood. */
  append(accepted: Accepted, { producer, trace, subject }: RecordOptions, room?: Room): Promise<RecordResult> {
    const { identity, wal, clock, ids } = this.options;
    const eventId = accepted.frame.event_id ?? ids.next();
    const stamps = {
      identity,
      producer,
      accepted,
      subject,
      trace,
      eventId,
      nowNs: clock.nowNs(),
      after: this.position,
    };
    const frame = composeFrame(stamps);
    if (frame.bytes.length > maxFrameBytes) return Promise.resolve(tooLarge());
    const record = encodeStoredFrame(frame);
    this.position = positionAfter(frame);
    const { seq, event_id } = frame.envelope;
    return wal.append(record, room).then(() => {
      this.written = { seq, hash: frame.hash };
      return { ok: true, seq, eventId: event_id };
    });
  }

  /**
   * Puts a GAP in the place of each frame that is lost, so that the sequence stays whole and the loss has a name; and one
   * more, which the exporter can tie to whatever the stream holds, because it may hold those that are lost here. They find room
   * in a full log, too: only the exporter makes some, and it begins behind them.
   */
  async fill(lost: number): Promise<void> {
    const { recorder: producer } = this.options.identity;
    const { epoch, seq } = this.position;
    const gap = gapFrame(epoch, seq + 1, seq + lost);
    const places = Array.from({ length: lost + 1 }, () =>
      this.append({ ok: true, frame: gap, flags: [] }, { producer }, "beyond"),
    );
    await Promise.all(places);
  }

  /** Puts a GAP behind what is lost. */
  tell(lost: number): Promise<RecordResult> {
    const { recorder: producer } = this.options.identity;
    const { epoch, seq } = this.position;
    return this.append({ ok: true, frame: gapFrame(epoch, Math.max(1, seq - lost + 1), seq), flags: [] }, { producer });
  }
}

const redacted = (accepted: Accepted, redactor: Redactor | undefined, before: boolean): Accepted => {
  const { frame, withheld } = redactor?.redact(accepted.frame) ?? { frame: accepted.frame, withheld: false };
  const { parentEventId: given } = accepted;
  const parentEventId = given === undefined ? given : (redactor?.redactId(given) ?? given);
  if (!withheld && !before && parentEventId === given) return accepted;
  const parent = parentEventId === undefined ? {} : { parentEventId };
  return { ...accepted, frame, ...parent, flags: [...accepted.flags, "withheld"] };
};

const recallEvents = async (wal: RecorderLog, epoch: number): Promise<RecentEvents<RecordResult>> => {
  const recent = createRecentEvents<RecordResult>(RECENT_EVENTS);
  const reader = wal.reader(Math.max(1, wal.first - RECENT_EVENTS));
  const limit = { records: 512, bytes: 4 * 1024 * 1024 };
  for (let entries = await reader.next(limit); entries.length > 0; entries = await reader.next(limit)) {
    for (const entry of entries) {
      if (entry.kind === "gap") continue;
      const { envelope, bytes } = decodeStoredFrame(entry.payload);
      if (envelope.epoch !== epoch || envelope.producer !== "agent") continue;
      const place = { ok: true as const, seq: envelope.seq, eventId: envelope.event_id };
      // With the spelling of its numbers: the same frame, sent again, is compared by its text.
      const frame = parseExactJson(Buffer.from(bytes).toString("utf8")) as ProducedFrame;
      recent.remember(frame, Promise.resolve(place));
    }
  }
  await reader.close();
  return recent;
};

/** Creates the recorder of one chain on its log; what the log lost since the last start becomes GAP frames first. */
export const createRecorder = async (options: RecorderOptions): Promise<Recorder> => {
  const { wal, epoch, identity } = options;
  const found = recoverPosition(wal);
  const start = startOfEpoch(options, found.position);
  const chain = new ChainWriter(options, found.position ?? start);
  if (found.lost > 0) await chain.fill(found.lost);
  const recent = await recallEvents(wal, epoch);
  chain.position = startOfEpoch(options, chain.position);
  chain.written = chain.position;

  const begin = (read: () => Accepted | Refusal, how: RecordOptions): Promise<RecordResult> | Refusal => {
    const given = read();
    if (!given.ok) return given;
    // First of all: what is remembered, after a restart too, is the frame as it was written.
    const accepted = redacted(given, options.redactor, how.withheld === true);
    const before = recent.find(accepted.frame);
    if (before !== undefined) return before;
    const place = chain.append(accepted, how);
    recent.remember(accepted.frame, place);
    return place;
  };
  const accept = async (read: () => Accepted | Refusal, how: RecordOptions): Promise<RecordResult> => {
    let begun: Promise<RecordResult> | Refusal;
    try {
      begun = begin(read, how);
    } catch (error) {
      // Sent again it would fail again: its sender must hear that it is this frame, and not the log.
      begun = { ok: false, code: "Malformed", reason: `the frame cannot be recorded: ${String(error)}` };
    }
    return begun;
  };
  return {
    record: (frame, how) => accept(() => readFrame(frame, how.producer), how),
    recordLine: (line, how) => accept(() => readLine(line, how.producer), how),
    tellOfLoss: (count) => chain.tell(count),
    epoch,
    identity,
    written: () => chain.written,
  };
};
