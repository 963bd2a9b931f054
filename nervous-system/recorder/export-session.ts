import type { Log } from "#nervous-system/kernel/log.ts";
import { positionAfter, type ChainPosition, type ComposedFrame } from "./compose.ts";
import { cutExports, planEnd, planTravel, positionOfTail, type LostEnd, type Travelling } from "./export-plan.ts";
import type { Recorder } from "./recorder.ts";
import type { WalCut } from "./wal-cut.ts";
import { decodePosition, decodeStoredFrame, encodePosition } from "./stored-record.ts";
import type { PartialSuccess } from "#nervous-system/codecs/otlp/status.ts";
import type { Uplink } from "./uplink.ts";
import type { WalEntry } from "./wal/reader.ts";
import type { Wal } from "./wal/wal.ts";

/** What a session needs. */
export type SessionOptions = {
  /** Without `tellOfLoss` the next start of the recorder tells of what the log lost. */
  recorder: Pick<Recorder, "identity" | "epoch" | "written"> & Partial<Pick<Recorder, "tellOfLoss">>;
  wal: Wal;
  uplink: Uplink;
  log: Log;
  /** Where the log is cut: with `settled` the stream may lose what it stored. */
  cut?: WalCut;
};

const READ_LIMIT = { records: 512, bytes: 1024 * 1024 };
/** Exports under way: the second is sent while the first is stored, so that draining is not bound by latency. */
const MAX_UNDER_WAY = 2;

/** What a session tells of how far it came. */
export type Progress = {
  /** The stream holds everything up to `index`, by its own word. */
  connected(index: number): void;
  stored(index: number, position: ChainPosition): void;
  /** The same of the last frame of an epoch, where frames of the next one have been stored since. */
  passed(index: number, position: ChainPosition): void;
};

/**
 * One connection: from what the stream holds to the end of the log and along with it.
 *
 *   ask the tail ─> read ─> plan: GAPs for what is lost ─> cut ─> send ┬─> stored, in order: move the cursor
 *                    ^                                                 │
 *                    └── at the end: wait for the rest, tell of loss <─┘      any failure ends the session
 */
class Session {
  private readonly options: SessionOptions;
  private readonly signal: AbortSignal;
  private readonly held = new Map<number, ChainPosition>();
  private readonly progress: Progress;
  /** Where the chain stands behind what was read so far; before the first record, what the cursor remembers. */
  private before: ChainPosition | undefined;
  /** How many indices behind `before` could not be read. */
  private lost = 0;
  /** Ends of epochs in what was read last. */
  private ends: Array<{ index: number; position: ChainPosition }> = [];
  /** What comes of the exports under way, oldest first, and of everything begun. */
  private underWay: Promise<void>[] = [];
  /** Epoch of the last frame that was sent. */
  private epoch: number | undefined;
  private last: Promise<void> = Promise.resolve();

  constructor(options: SessionOptions, signal: AbortSignal, progress: Progress) {
    this.options = options;
    this.signal = signal;
    this.progress = progress;
  }

  async run(): Promise<never> {
    const { wal } = this.options;
    const from = await this.firstIndex();
    this.progress.connected(from - 1);
    const reader = wal.reader(from);
    let index = from - 1;
    try {
      for (;;) {
        const entries = await reader.next(READ_LIMIT);
        if (entries.length === 0) {
          await this.finished();
          await this.awaitMore(index);
        }
        const frames: Travelling[] = [];
        for (const entry of entries) frames.push(...(await this.plan(entry)));
        const last = entries.at(-1);
        if (last !== undefined) index = last.kind === "record" ? last.index : last.to;
        for (const batch of cutExports(frames)) await this.begin(batch);
        void this.finishWith(this.passing(index));
      }
    } finally {
      await reader.close();
    }
  }

  /** What follows once everything up to `index` is sent: the ends of epochs, what the stream held already, and gaps. */
  private passing(index: number): () => Promise<void> {
    const [ends, before, known] = [this.ends.splice(0), this.before, index - this.lost];
    return async () => {
      for (const end of ends) this.progress.passed(end.index, end.position);
      if (before !== undefined) await this.advance(known, before);
    };
  }

  /** Sends an export while the one before it may still be on its way; what comes of each is taken in their order. */
  private async begin(batch: readonly Travelling[]): Promise<void> {
    // An epoch's first frame is taken whatever the stream holds of the one before: that one must be there.
    if (batch[0]?.frame.envelope.epoch !== this.epoch) await this.finished();
    if (this.underWay.length >= MAX_UNDER_WAY) await this.underWay.shift();
    this.send(batch);
  }

  /** Of what is under way only the encoded request stays: frames that live until they are stored cost a small heap dear. */
  private send(batch: readonly Travelling[]): void {
    const last = batch.at(-1);
    if (last === undefined) return;
    const { done } = last;
    const position = positionAfter(last.frame);
    this.epoch = position.epoch;
    const frames = batch.map(({ frame }) => frame);
    const sent = this.options.uplink.send(frames, this.signal);
    sent.catch(() => undefined); // heard of in its turn
    this.underWay.push(this.finishWith(() => sent.then((partial) => this.sent(partial, done, position))));
  }

  /** Does `act` behind everything that was begun before it. */
  private finishWith(act: () => Promise<void>): Promise<void> {
    this.last = this.last.then(act);
    this.last.catch(() => undefined); // `finished`, or the wait for a place, tells of it
    return this.last;
  }

  /** Resolves once everything that was begun is stored; rejects with the first failure. */
  private async finished(): Promise<void> {
    this.underWay = [];
    await this.last;
  }

  /** Behind the cursor; from the very beginning of the log when the stream lost frames that were stored, or may have. */
  private async firstIndex(): Promise<number> {
    const { wal, log, recorder, cut } = this.options;
    const cursor = wal.cursor();
    const stored = decodePosition(cursor.note);
    const tail = await this.tailOf(stored?.epoch ?? recorder.epoch);
    // Of which epochs a stream that forgets lost something, one tail does not tell.
    if (cut === "settled") return 1;
    if (stored === undefined || tail.seq >= stored.seq) {
      this.before = stored;
      return cursor.index + 1;
    }
    log.warn({ stored: stored.seq, tail: tail.seq }, "the stream lost frames that it had stored; sending them again");
    return 1;
  }

  private async tailOf(epoch: number): Promise<ChainPosition> {
    const known = this.held.get(epoch);
    if (known !== undefined) return known;
    const { uplink, recorder } = this.options;
    const tail = await uplink.tail({ agentUid: recorder.identity.agent_uid, epoch }, this.signal);
    const written = recorder.written().seq;
    if (epoch === recorder.epoch && tail.seq > written) throw aheadOfLog(tail.seq, written);
    const position = positionOfTail(epoch, tail);
    this.held.set(epoch, position);
    return position;
  }

  /** Lost frames are named by what stands behind them: at the end of the log something is put there. */
  private async awaitMore(index: number): Promise<void> {
    const { recorder, wal, log } = this.options;
    const lost = this.lost > 0 ? await this.missing() : 0;
    if (this.lost > 0 && lost <= 0) await this.passOver(index);
    if (lost > 0) {
      log.error({ lost }, "frames at the end of the log cannot be read any more");
      void recorder.tellOfLoss?.(lost).catch(() => undefined); // a log that closes tells of it at its next start
    }
    await wal.writtenBeyond(index, this.signal);
  }

  /** What cannot be read at the end of the log is in the stream all the same: nothing is owed. */
  private async passOver(index: number): Promise<void> {
    const { before } = this;
    const { recorder } = this.options;
    const current = await this.tailOf(recorder.epoch);
    const end = current.seq > 0 || before === undefined ? current : await this.tailOf(before.epoch);
    this.lost = 0;
    if (end.seq === 0) return;
    this.before = { ...end, observedNs: before?.observedNs ?? 0n };
    await this.advance(index, this.before);
  }

  /** How many of the frames that could not be read at the end of the log the stream does not hold either. */
  private async missing(): Promise<number> {
    const { recorder } = this.options;
    const { before, lost } = this;
    const { seq } = recorder.written();
    const ofCurrent = Math.min(lost, seq - (before?.epoch === recorder.epoch ? before.seq : 0));
    const held = await this.tailOf(recorder.epoch);
    const missing = Math.min(ofCurrent, seq - held.seq);
    if (before === undefined || before.epoch === recorder.epoch) return missing;
    const end = before.seq + lost - ofCurrent;
    return Math.max(0, missing) + Math.max(0, end - (await this.tailOf(before.epoch)).seq);
  }

  private async plan(entry: WalEntry): Promise<Travelling[]> {
    if (entry.kind === "gap") {
      this.lost += entry.to - entry.from + 1;
      return [];
    }
    const { index } = entry;
    const next = decodeStoredFrame(entry.payload);
    const ending = await this.planEnding(index, next);
    const { epoch } = next.envelope;
    const plan = planTravel(this.options.recorder.identity, await this.tailOf(epoch), next);
    this.held.set(epoch, plan.held);
    this.before = positionAfter(next);
    this.lost = 0;
    return [...ending, ...plan.frames].map((frame) => ({ frame, done: frame === next ? index : index - 1 }));
  }

  /**
   * Where `next` begins another epoch: GAPs for the last frames of the epoch before, as many as are lost and not of its
   * own; and one that ties `next` to what the stream holds, where that is more than the log knows of.
   */
  private async planEnding(index: number, next: ComposedFrame): Promise<ComposedFrame[]> {
    const { before, lost } = this;
    const { epoch, seq } = next.envelope;
    if (before === undefined) return this.planRemembered(next);
    if (before.epoch === epoch) return [];
    this.ends.push({ index: index - 1, position: before });
    const held = await this.tailOf(before.epoch);
    const lostBefore = Math.max(0, lost - (seq - 1));
    const isUntied = forks(next, before, held) && (await this.tailOf(epoch)).seq === 0;
    if (lostBefore === 0 && !isUntied) return [];
    const end = {
      epoch: before.epoch,
      seq: isUntied ? held.seq + 1 : before.seq + lostBefore,
      hash: seq === 1 ? next.prevHash : undefined,
      observedNs: before.observedNs + BigInt(Math.max(1, lostBefore)),
    };
    const plan = planEnd(this.options.recorder.identity, held, end);
    this.held.set(before.epoch, plan.held);
    return plan.frames;
  }

  /** Where nothing of an earlier epoch can be read, the cursor remembers how far that had come, or nothing was stored yet. */
  private async planRemembered(next: ComposedFrame): Promise<ComposedFrame[]> {
    const stored = decodePosition(this.options.wal.cursor().note) ?? endOfUnknown(next, this.lost);
    if (stored === undefined || stored.epoch >= next.envelope.epoch) return [];
    const plan = planEnd(this.options.recorder.identity, await this.tailOf(stored.epoch), stored);
    this.held.set(stored.epoch, plan.held);
    return plan.frames;
  }

  private async sent(partial: PartialSuccess | undefined, done: number, position: ChainPosition): Promise<void> {
    if (partial !== undefined)
      this.options.log.warn({ rejected: partial.rejected }, `the collector refused frames: ${partial.message}`);
    await this.advance(done, position);
  }

  private async advance(index: number, position: ChainPosition): Promise<void> {
    await this.options.wal.advance(index, encodePosition(position));
    this.progress.stored(index, position);
  }
}

/** Whether `next`, the first frame of an epoch, follows the log's end of the epoch before, and the stream has gone on from there. */
const forks = (next: ComposedFrame, before: ChainPosition, held: ChainPosition): boolean =>
  next.envelope.seq === 1 && next.prevHash === before.hash && held.seq >= before.seq && held.hash !== before.hash;

/** The end of what is lost before the first frame of the log and not of its epoch: nothing tells its epoch, so the one before is taken. */
const endOfUnknown = ({ envelope, prevHash }: ComposedFrame, lost: number): LostEnd | undefined => {
  const { epoch, seq, observed, event_type } = envelope;
  const lostBefore = lost - (seq - 1);
  if (lostBefore <= 0 || epoch === 0) return undefined;
  if (event_type === "GAP") return undefined; // the recorder saw the loss when it started, and names it there
  return {
    epoch: epoch - 1,
    seq: lostBefore,
    hash: seq === 1 ? prevHash : undefined,
    observedNs: BigInt(observed) - BigInt(seq),
  };
};

const aheadOfLog = (tail: number, written: number): Error =>
  new Error(
    `the stream holds seq ${tail} of this epoch, the log ends at ${written}: the log was lost, or another recorder writes the chain; nothing is sent before that is settled`,
  );

/** Brings the log to the stream from what that holds on, until the signal aborts or a call fails: always rejects. */
export const runExportSession = (options: SessionOptions, signal: AbortSignal, progress: Progress): Promise<never> =>
  new Session(options, signal, progress).run();
