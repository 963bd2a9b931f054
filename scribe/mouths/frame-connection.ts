import type { Socket } from "node:net";
import { PROTOBUF_OPENER } from "#nervous-system/comms/socket/delimited-messages.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Semaphore } from "#nervous-system/kernel/semaphore.ts";
import { createTokenBucket, type TokenBucket } from "#nervous-system/kernel/token-bucket.ts";
import type { RecordResult } from "#nervous-system/recorder/recorder.ts";
import type { Dialect, FrameRecorder, Incoming } from "./dialect.ts";
import { createJsonDialect } from "./json-dialect.ts";
import { createProtobufDialect } from "./protobuf-dialect.ts";

/** How fast one connection may send; what is more waits in the socket, so a flood slows the flooder only. */
export type ConnectionLimits = { readonly framesPerSecond: number; readonly bytesPerSecond: number };

/** What a connection needs. */
export type FrameConnectionOptions = {
  recorder: FrameRecorder;
  /** Bytes under way of all connections, so that many of them hold no more memory than one. */
  budget: Semaphore;
  clock: Pick<Clock, "after" | "monotonicMs">;
  /** No limit without it. */
  limits?: ConnectionLimits | undefined;
  /** Told of every frame that is refused. */
  onRefused: (refusal: Extract<RecordResult, { ok: false }>) => void;
};

// What one connection may have under way: a writer that never waits for its answers is slowed to the disk's pace.
const MAX_UNANSWERED = 1024;
const BURST_SECONDS = 2;
// A writer that was told why its connection ends, and does not end it, is cut after this time.
const FAREWELL_MS = 1000;

const paceOf = (perSecond: number, clock: Pick<Clock, "monotonicMs">): TokenBucket =>
  createTokenBucket({ perSecond, burst: perSecond * BURST_SECONDS }, clock);

/** One connection: frames in, as many answers out, in the same order, each after its frame is on the medium. */
class FrameConnection {
  private readonly socket: Socket;
  private readonly options: FrameConnectionOptions;
  private readonly paces: { frames: TokenBucket; bytes: TokenBucket } | undefined;
  private dialect: Dialect | undefined;
  private unanswered = 0;
  private isWaiting = false;
  private answers: Promise<void> = Promise.resolve();

  constructor(socket: Socket, options: FrameConnectionOptions) {
    this.socket = socket;
    this.options = options;
    const { limits, clock } = options;
    this.paces = limits && {
      frames: paceOf(limits.framesPerSecond, clock),
      bytes: paceOf(limits.bytesPerSecond, clock),
    };
  }

  serve(): void {
    const { socket } = this;
    socket.on("data", (chunk: Buffer) => this.take(chunk));
    socket.on("drain", () => this.resumeIfRoom());
    socket.on("end", () => {
      for (const frame of this.dialect?.end() ?? []) this.accept(frame);
      this.endAfterAnswers();
    });
    socket.on("error", () => socket.destroy());
  }

  private take(chunk: Buffer): void {
    if (this.dialect?.isLost() === true) return;
    const frames = this.speak(chunk);
    for (const frame of frames) this.accept(frame);
    if (this.dialect?.isLost() === true) return this.breakOff();
    this.keepPace(frames.length, chunk.length);
    this.pauseIfFull();
  }

  /** The first byte says which language it is. */
  private speak(chunk: Buffer): Incoming[] {
    if (this.dialect !== undefined || chunk.length === 0) return this.dialect?.push(chunk) ?? [];
    const isProtobuf = chunk[0] === PROTOBUF_OPENER;
    this.dialect = isProtobuf ? createProtobufDialect() : createJsonDialect();
    return this.dialect.push(isProtobuf ? chunk.subarray(1) : chunk);
  }

  private accept(frame: Incoming): void {
    this.unanswered += 1;
    this.options.budget.force(frame.bytes);
    const pending = frame.record(this.options.recorder);
    this.answers = this.answers.then(() => this.answer(pending, frame.bytes));
  }

  private async answer(pending: Promise<RecordResult>, bytes: number): Promise<void> {
    const result = await pending.catch(() => undefined);
    if (result?.ok === false) this.options.onRefused(result);
    this.unanswered -= 1;
    // A log that was closed under the frame is no refusal: a connection that ends without an answer asks to send it again.
    if (result === undefined) this.socket.destroy();
    else if (this.socket.writable && this.dialect !== undefined) this.socket.write(this.dialect.render(result));
    this.options.budget.release(bytes);
    this.resumeIfRoom();
  }

  private keepPace(frames: number, bytes: number): void {
    const { paces } = this;
    if (paces === undefined) return;
    const waitMs = Math.max(paces.frames.spend(frames), paces.bytes.spend(bytes));
    if (waitMs === 0) return;
    this.isWaiting = true;
    this.socket.pause();
    this.options.clock.after(waitMs, () => {
      this.isWaiting = false;
      this.resumeIfRoom();
    });
  }

  private pauseIfFull(): void {
    const { budget } = this.options;
    if (budget.isOverdrawn()) void budget.acquire(0).then(() => this.pauseOrResume());
    if (this.unanswered >= MAX_UNANSWERED || budget.isOverdrawn() || this.socket.writableNeedDrain) this.socket.pause();
  }

  private pauseOrResume(): void {
    this.pauseIfFull(); // others may have been quicker
    this.resumeIfRoom();
  }

  private resumeIfRoom(): void {
    const isFull = this.unanswered >= MAX_UNANSWERED || this.options.budget.isOverdrawn();
    if (!isFull && !this.isWaiting && !this.socket.writableNeedDrain) this.socket.resume();
  }

  private endAfterAnswers(): void {
    void this.answers.then(() => this.socket.end());
  }

  /** What comes is still read, so that the writer is not stuck in its write and can read why. */
  private breakOff(): void {
    void this.answers.then(() => this.sayFarewell());
  }

  private sayFarewell(): void {
    this.socket.end();
    const cancel = this.options.clock.after(FAREWELL_MS, () => this.socket.destroy());
    this.socket.once("close", cancel);
  }
}

/** Serves one connection until it ends. */
export const serveFrameConnection = (socket: Socket, options: FrameConnectionOptions): void =>
  new FrameConnection(socket, options).serve();
