import { grpcStatus, isRetryable, toGrpcFailure, type GrpcFailure } from "#nervous-system/comms/grpc-failure.ts";
import { fullJitterMs } from "#nervous-system/kernel/backoff.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { positionAfter, type ChainPosition, type ComposedFrame } from "./compose.ts";
import { cutBatches, planFrame, positionOfTail, type Travelling } from "./export-plan.ts";
import type { Recorder } from "./recorder.ts";
import { decodePosition, decodeStoredFrame, encodePosition } from "./stored-record.ts";
import type { Uplink } from "./uplink.ts";
import type { WalEntry } from "./wal/reader.ts";
import type { Wal } from "./wal/wal.ts";

/** What an exporter is made of. */
export type ExporterOptions = {
  recorder: Pick<Recorder, "identity" | "epoch" | "written">;
  wal: Wal;
  uplink: Uplink;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Log;
};

/** The last frame known to be *stored*, and what keeps the next one. */
export type ExportState = { stored: ChainPosition | undefined; failing: string | undefined };

/** Brings the log to the collector, for ever. */
export type Exporter = {
  /** Runs until the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
  state(): ExportState;
  /** Resolves true when everything written is stored, false when `limitMs` are over first. */
  drain(limitMs: number): Promise<boolean>;
};

const READ_LIMIT = { records: 512, bytes: 1024 * 1024 };
const BACKOFF = { baseMs: 200, capMs: 5_000 };
const AUTHENTICATION = new Set<number>([grpcStatus.unauthenticated, grpcStatus.permissionDenied]);

const describe = (failure: GrpcFailure): string => {
  if (AUTHENTICATION.has(failure.code)) {
    return `the collector does not accept this pod's token (${failure.message}); it is read again before each attempt`;
  }
  return `the collector does not take frames: ${failure.message}`;
};

/** What a session tells of how far it came. */
type Progress = {
  /** The stream holds everything up to `index`, by its own word. */
  connected(index: number): void;
  stored(index: number, position: ChainPosition): void;
};

/** One connection: from what the stream holds to the end of the log and along with it. */
class Session {
  private readonly options: ExporterOptions;
  private readonly signal: AbortSignal;
  private readonly held = new Map<number, ChainPosition>();
  private readonly progress: Progress;
  private read: ComposedFrame | undefined;

  constructor(options: ExporterOptions, signal: AbortSignal, progress: Progress) {
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
        if (entries.length === 0) await wal.writtenBeyond(index, this.signal);
        const frames: Travelling[] = [];
        for (const entry of entries) frames.push(...(await this.plan(entry)));
        const last = entries.at(-1);
        if (last !== undefined) index = last.kind === "record" ? last.index : last.to;
        for (const batch of cutBatches(frames)) await this.send(batch);
        if (this.read !== undefined) await this.advance(index, this.read); // what the stream held already, and gaps
      }
    } finally {
      await reader.close();
    }
  }

  /** Behind the cursor; from the very beginning of the log when the stream lost frames that were stored. */
  private async firstIndex(): Promise<number> {
    const { wal, log, recorder } = this.options;
    const cursor = wal.cursor();
    const stored = decodePosition(cursor.note);
    const tail = await this.tailOf(stored?.epoch ?? recorder.epoch);
    if (stored === undefined || tail.seq >= stored.seq) return cursor.index + 1;
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

  private async plan(entry: WalEntry): Promise<Travelling[]> {
    if (entry.kind === "gap") return []; // seen again, as missing numbers, by the record behind it
    const { index } = entry;
    const next = decodeStoredFrame(entry.payload);
    const { epoch } = next.envelope;
    const plan = planFrame(this.options.recorder.identity, await this.tailOf(epoch), next);
    this.held.set(epoch, plan.held);
    this.read = next;
    return plan.frames.map((frame) => ({ frame, done: frame === next ? index : index - 1 }));
  }

  private async send(batch: readonly Travelling[]): Promise<void> {
    const { uplink, log } = this.options;
    const partial = await uplink.send(
      batch.map(({ frame }) => frame),
      this.signal,
    );
    if (partial !== undefined)
      log.warn({ rejected: partial.rejected }, `the collector refused frames: ${partial.message}`);
    const last = batch.at(-1);
    if (last !== undefined) await this.advance(last.done, last.frame);
  }

  private async advance(index: number, frame: ComposedFrame): Promise<void> {
    const position = positionAfter(frame);
    await this.options.wal.advance(index, encodePosition(position));
    this.progress.stored(index, position);
  }
}

const aheadOfLog = (tail: number, written: number): Error =>
  new Error(
    `the stream holds seq ${tail} of this epoch, the log ends at ${written}: the log was lost, or another recorder writes the chain; nothing is sent before that is settled`,
  );

/** Creates the exporter of a log; the connection belongs to the uplink. */
export const createExporter = (options: ExporterOptions): Exporter => {
  const { wal, clock, log } = options;
  const state: ExportState = { stored: decodePosition(wal.cursor().note), failing: undefined };
  let attempt = 0;
  let confirmed = -1; // nothing, not even an empty log, before the stream has said where it ends
  const changed = new Set<() => void>();

  const confirm = (index: number): void => {
    attempt = 0;
    state.failing = undefined;
    confirmed = index;
    for (const wake of changed) wake();
  };
  const progress: Progress = {
    connected: confirm,
    stored: (index, position) => {
      state.stored = position;
      confirm(index);
    },
  };

  const pause = async (failure: GrpcFailure, signal: AbortSignal): Promise<void> => {
    const waitMs = failure.retryAfterMs ?? fullJitterMs(attempt, { ...BACKOFF, random: options.random });
    attempt += 1;
    state.failing = describe(failure);
    const fields = { code: failure.code, attempt, waitMs: Math.round(waitMs) };
    if (isRetryable(failure) || AUTHENTICATION.has(failure.code)) log.warn(fields, state.failing);
    else log.error(fields, state.failing);
    await clock.sleep(waitMs, signal).catch(() => undefined);
  };

  const isDrained = (): boolean => confirmed >= wal.stats().written;

  return {
    run: async (signal) => {
      while (!signal.aborted) {
        try {
          await new Session(options, signal, progress).run();
        } catch (error) {
          if (!signal.aborted) await pause(toGrpcFailure(error), signal);
        }
      }
    },
    state: () => ({ ...state }),
    drain: async (limitMs) => {
      const limit = new AbortController();
      const cancel = clock.after(limitMs, () => limit.abort());
      const aborted = new Promise<void>((resolve) =>
        limit.signal.addEventListener("abort", () => resolve(), { once: true }),
      );
      while (!isDrained() && !limit.signal.aborted) {
        let wake = (): void => undefined;
        const moved = new Promise<void>((resolve) => (wake = resolve));
        changed.add(wake);
        await Promise.race([moved, aborted]);
        changed.delete(wake);
      }
      cancel();
      return isDrained();
    },
  };
};
