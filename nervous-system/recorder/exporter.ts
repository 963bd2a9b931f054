import { grpcStatus, isRetryable, toGrpcFailure, type GrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import { fullJitterMs } from "#nervous-system/kernel/backoff.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { createCondition } from "#nervous-system/kernel/condition.ts";
import type { ChainPosition } from "./compose.ts";
import { runExportSession, type Progress, type SessionOptions } from "./export-session.ts";
import { decodePosition } from "./stored-record.ts";
import type { Uplink } from "./uplink.ts";

/** What an exporter is made of. */
export type ExporterOptions = SessionOptions & {
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  /** Told of frames that the stream is known to hold, with their place in the log: those before are there too; of the last of each epoch. */
  onStored?: (index: number, position: ChainPosition) => void;
};

/** The last frame known to be *stored*, and what keeps the next one: a failure, or an answer that has not come for a while. */
export type ExportState = { stored: ChainPosition | undefined; failing: string | undefined };

/** Brings the log to the collector, for ever. */
export type Exporter = {
  /** Runs until the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
  state(): ExportState;
  /** Asks the stream again what it holds, and sends what is missing: it lost something. */
  startAgain(): void;
  /** Resolves true when everything written is stored, false when `limitMs` are over first. */
  drain(limitMs: number): Promise<boolean>;
};

const BACKOFF = { baseMs: 200, capMs: 5_000 };
// What a server asks for is advice: a log that it could silence for days would fill the disk.
const MAX_ADVICE_MS = 60_000;
const AUTHENTICATION = new Set<number>([grpcStatus.unauthenticated, grpcStatus.permissionDenied]);

// A collector tries for 15 s to store an export before it says why it cannot.
const SILENT_MS = 5_000;

const describe = (failure: GrpcFailure): string => {
  if (AUTHENTICATION.has(failure.code)) {
    return `the collector does not accept this pod's token (${failure.message}); it is read again before each attempt`;
  }
  return `the collector does not take frames: ${failure.message}`;
};

class LogExporter implements Exporter {
  private readonly options: ExporterOptions;
  private readonly known: ExportState;
  private readonly changed = createCondition();
  private attempt = 0;
  /** Index up to which the stream has said that it holds the log; nothing, not even an empty log, before it was asked. */
  private confirmed = -1;
  private session = new AbortController();
  /** What the collector was asked and has not answered, with the time on the monotonic clock, ms. */
  private readonly asked = new Map<symbol, { readonly what: string; readonly atMs: number }>();

  constructor(options: ExporterOptions) {
    this.options = { ...options, uplink: this.watch(options.uplink) };
    this.known = { stored: decodePosition(options.wal.cursor().note), failing: undefined };
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) await this.runSession(signal);
  }

  state(): ExportState {
    return { ...this.known, failing: this.known.failing ?? this.silence() };
  }

  startAgain(): void {
    this.confirmed = -1;
    this.session.abort(new Error("the stream lost what it had stored"));
  }

  async drain(limitMs: number): Promise<boolean> {
    const limit = new AbortController();
    const cancel = this.options.clock.after(limitMs, () => limit.abort());
    const isDrained = (): boolean => this.confirmed >= this.options.wal.stats().written;
    try {
      while (!isDrained()) await this.changed.wait(limit.signal);
    } catch {
      // The time is over.
    }
    cancel();
    return isDrained();
  }

  private watch(uplink: Uplink): Uplink {
    const during = <T>(what: string, call: Promise<T>): Promise<T> => {
      const key = Symbol(what);
      this.asked.set(key, { what, atMs: this.options.clock.monotonicMs() });
      return call.finally(() => this.asked.delete(key));
    };
    return {
      tail: (chain, signal) => during("what the stream holds", uplink.tail(chain, signal)),
      send: (frames, signal) => during("to store frames", uplink.send(frames, signal)),
    };
  }

  private silence(): string | undefined {
    const [oldest] = this.asked.values();
    const forMs = oldest === undefined ? 0 : this.options.clock.monotonicMs() - oldest.atMs;
    if (oldest === undefined || forMs < SILENT_MS) return undefined;
    return `the collector was asked ${oldest.what} and has not answered for ${Math.round(forMs / 1000)} s`;
  }

  /** What a session tells; nothing once it was told to end: the stream may have lost what it speaks of. */
  private progressOf(session: AbortSignal): Progress {
    const { onStored } = this.options;
    return {
      connected: (index) => {
        if (session.aborted) return;
        // That the stream tells what it holds does not say that it takes more: the backoff goes on until it does.
        if (index >= this.options.wal.stats().written) this.confirm(index);
        else this.confirmed = index;
      },
      stored: (index, position) => {
        if (session.aborted) return;
        this.known.stored = position;
        onStored?.(index, position);
        this.confirm(index);
      },
      passed: (index, position) => {
        if (!session.aborted) onStored?.(index, position);
      },
    };
  }

  private confirm(index: number): void {
    this.attempt = 0;
    this.known.failing = undefined;
    this.confirmed = index;
    this.changed.notify();
  }

  /** One session, until it fails or is told to end. */
  private async runSession(signal: AbortSignal): Promise<void> {
    const session = new AbortController();
    this.session = session;
    const end = (): void => session.abort(signal.reason);
    signal.addEventListener("abort", end, { once: true });
    try {
      await runExportSession(this.options, session.signal, this.progressOf(session.signal));
    } catch (error) {
      if (!session.signal.aborted) await this.pause(toGrpcFailure(error), signal);
    } finally {
      signal.removeEventListener("abort", end);
    }
  }

  private async pause(failure: GrpcFailure, signal: AbortSignal): Promise<void> {
    const { clock, log, random } = this.options;
    const ownMs = fullJitterMs(this.attempt, { ...BACKOFF, random });
    const waitMs = Math.max(ownMs, Math.min(failure.retryAfterMs ?? 0, MAX_ADVICE_MS));
    this.attempt += 1;
    const failing = describe(failure);
    this.known.failing = failing;
    const fields = { code: failure.code, attempt: this.attempt, waitMs: Math.round(waitMs) };
    if (isRetryable(failure) || AUTHENTICATION.has(failure.code)) log.warn(fields, failing);
    else log.error(fields, failing);
    await clock.sleep(waitMs, signal).catch(() => undefined);
  }
}

/** Creates the exporter of a log; the connection belongs to the uplink. */
export const createExporter = (options: ExporterOptions): Exporter => new LogExporter(options);
