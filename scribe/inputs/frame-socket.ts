import { createServer, type Socket } from "node:net";
import { chmod, lstat, unlink } from "node:fs/promises";
import { PROTOBUF_OPENER } from "#nervous-system/comms/socket/delimited-messages.ts";
import { listen } from "#nervous-system/comms/socket/listen.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { createSemaphore, type Semaphore } from "#nervous-system/kernel/semaphore.ts";
import { createTokenBucket, type TokenBucket } from "#nervous-system/kernel/token-bucket.ts";
import type { RecordResult } from "#nervous-system/recorder/recorder.ts";
import { createJsonEncoding, type SocketEncoding, type FrameRecorder, type Incoming } from "./frame-encodings.ts";
import { createTurns, type Turns } from "./turns.ts";
import { boundUnfinished, type Unfinished } from "./unfinished.ts";

/** How fast one connection may send; what is more waits in the socket, so a flood slows the flooder only. */
type ConnectionLimits = { readonly framesPerSecond: number; readonly bytesPerSecond: number };

/** What a connection needs. */
type FrameConnectionOptions = {
  recorder: FrameRecorder;
  /** Bytes under way of all connections, so that many of them hold no more memory than one. */
  budget: Semaphore;
  /** By which connections read on. */
  turns: Turns;
  /** What all connections hold of frames whose ends have not come. */
  unfinished: Unfinished<Socket>;
  clock: Pick<Clock, "after" | "monotonicMs">;
  /** No limit without it. */
  limits?: ConnectionLimits | undefined;
  /** Told of every frame that is refused. */
  onRefused: (refusal: Extract<RecordResult, { ok: false }>) => void;
};

// What one connection may have under way: a writer that never waits for its answers is slowed to the disk's pace.
const MAX_UNANSWERED = 1024;
// What has come is read in slices, between which is asked whether there is room: a chunk of 64 KiB may be as many frames.
const SLICE_BYTES = 512;
// What a frame that is under way takes beside its bytes: its promises, its answer, its place in the log.
const FRAME_COST_BYTES = 4096;
// A slice may be nothing but ends of frames.
const MAX_SLICE_COST_BYTES = SLICE_BYTES * (FRAME_COST_BYTES + 1);
const BURST_SECONDS = 2;
// A writer that was told why its connection ends, and does not end it, is cut after this time.
const FAREWELL_MS = 1000;

const paceOf = (perSecond: number, clock: Pick<Clock, "monotonicMs">): TokenBucket =>
  createTokenBucket({ perSecond, burst: perSecond * BURST_SECONDS }, clock);

/**
 * One connection: frames in, as many answers out, in the same order, each after its frame is on the medium.
 *
 *   silent --first byte--> reading --end-------------> answering --last answer--> closed
 *                           |  ^  \--encoding lost----> answering --last answer, FAREWELL_MS at most--> closed
 *                      pause|  |resume
 *                           v  |
 *                          paused
 *
 * Paused while too much is unanswered, the budget of all connections is spent, the pace is used up, or the writer does not
 * read its answers; read on when none of these is so and its turn has come. A log that closes cuts the connection in every
 * state.
 */
class FrameConnection {
  private readonly socket: Socket;
  private readonly options: FrameConnectionOptions;
  private readonly paces: { frames: TokenBucket; bytes: TokenBucket } | undefined;
  private encoding: SocketEncoding | undefined;
  /** What has come and was not looked at. */
  private unread: Buffer[] = [];
  private unanswered = 0;
  private isWaiting = false;
  /** Whether it waits for the budget of all. */
  private isInLine = false;
  /** Whether it will read on when its turn comes. */
  private isTurnDue = false;
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
      for (const frame of this.encoding?.end() ?? []) this.accept(frame);
      this.endAfterAnswers();
    });
    socket.on("error", () => socket.destroy());
  }

  private take(chunk: Buffer): void {
    if (this.encoding?.isLost() === true) return;
    if (this.encoding === undefined && chunk[0] === PROTOBUF_OPENER) {
      this.loadProtobuf(chunk.subarray(1)).catch(() => this.socket.destroy());
      return;
    }
    this.encoding ??= createJsonEncoding();
    this.unread.push(chunk);
    this.read(this.encoding);
  }

  /** Reads on while there is room. */
  private read(encoding: SocketEncoding): void {
    for (let slice = this.nextSlice(); slice !== undefined; slice = this.nextSlice()) {
      const frames = encoding.push(slice);
      for (const frame of frames) this.accept(frame);
      if (encoding.isLost()) return this.breakOff();
      this.keepPace(frames.length, slice.length);
    }
    this.options.unfinished.hold(this.socket, encoding.unfinished());
    this.pauseIfFull();
  }

  private nextSlice(): Buffer | undefined {
    const [first] = this.unread;
    if (first === undefined || this.isFull()) return undefined;
    if (first.length <= SLICE_BYTES) this.unread.shift();
    else this.unread[0] = first.subarray(SLICE_BYTES);
    return first.subarray(0, SLICE_BYTES);
  }

  /** Few writers speak it, and it costs every start of a recorder a tenth: it is loaded when one does. */
  private async loadProtobuf(rest: Buffer): Promise<void> {
    this.socket.pause();
    const { createProtobufEncoding } = await import("./protobuf-encoding.ts");
    this.encoding = createProtobufEncoding();
    this.take(rest);
    this.resumeIfRoom();
  }

  private accept(frame: Incoming): void {
    this.unanswered += 1;
    this.options.budget.force(frame.bytes + FRAME_COST_BYTES);
    // Handled as soon as it is made: its turn to be answered comes later, behind those of the frames before it.
    const result = frame.record(this.options.recorder).catch(() => undefined);
    this.answers = this.answers.then(async () => this.answer(await result, frame.bytes));
  }

  private answer(result: RecordResult | undefined, bytes: number): void {
    if (result?.ok === false) this.options.onRefused(result);
    this.unanswered -= 1;
    // A log that was closed under the frame is no refusal: a connection that ends without an answer asks to send it again.
    if (result === undefined) this.socket.destroy();
    else if (this.socket.writable && this.encoding !== undefined) this.socket.write(this.encoding.render(result));
    this.options.budget.release(bytes + FRAME_COST_BYTES);
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

  private isFull(): boolean {
    const isBehind = this.unanswered >= MAX_UNANSWERED || this.isInLine || this.options.budget.isOverdrawn();
    return isBehind || this.isWaiting || this.socket.writableNeedDrain;
  }

  private pauseIfFull(): void {
    if (this.isFull()) this.socket.pause();
    if (this.options.budget.isOverdrawn() && !this.isInLine) void this.standInLine();
  }

  /** Whoever has spent the budget goes behind all who wait for it, each for a slice: a flood leaves others their turns. */
  private async standInLine(): Promise<void> {
    const { budget } = this.options;
    this.isInLine = true;
    await budget.acquire(MAX_SLICE_COST_BYTES);
    await new Promise<void>(this.options.turns);
    this.isInLine = false;
    budget.release(MAX_SLICE_COST_BYTES);
    this.readOn();
  }

  private resumeIfRoom(): void {
    if (this.isFull() || this.isTurnDue) return;
    this.isTurnDue = true;
    this.options.turns(() => {
      this.isTurnDue = false;
      this.readOn();
    });
  }

  private readOn(): void {
    if (this.socket.destroyed) return;
    if (this.encoding !== undefined) this.read(this.encoding);
    if (!this.isFull()) this.socket.resume();
  }

  private endAfterAnswers(): void {
    void this.answers.then(() => this.socket.end());
  }

  /** What comes is still read, so that the writer is not stuck in its write and can read why. */
  private breakOff(): void {
    this.unread = [];
    this.options.unfinished.hold(this.socket, 0);
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

/** How the socket listens. */
export type FrameSocketOptions = Omit<FrameConnectionOptions, "budget" | "turns" | "unfinished"> & { path: string };

/** A listening frame socket. */
export type FrameSocketServer = {
  /** Takes no new connection, lets the open ones end for `graceMs`, then cuts them. */
  close(graceMs: number): Promise<void>;
};

// Many small programs of a pod may write at once.
const MAX_FRAME_CONNECTIONS = 48;
const BUDGET_BYTES = 4 * 1024 * 1024;
// Sixteen writers in the middle of their largest frames.
const UNFINISHED_BYTES = 4 * 1024 * 1024;

/** Removes the socket that a killed scribe left; anything else at that path is not ours to remove. */
const removeStale = async (path: string): Promise<void> => {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isSocket() === true) await unlink(path);
};

/** Listens on a unix socket for JSON lines; only user and group may write to it. */
export const listenForFrames = async (options: FrameSocketOptions): Promise<FrameSocketServer> => {
  const { path, clock } = options;
  const shared = {
    budget: createSemaphore(BUDGET_BYTES),
    turns: createTurns(),
    unfinished: boundUnfinished(UNFINISHED_BYTES),
  };
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.once("close", () => {
      open.delete(socket);
      shared.unfinished.hold(socket, 0);
    });
    serveFrameConnection(socket, { ...options, ...shared });
  });
  server.maxConnections = MAX_FRAME_CONNECTIONS;
  await removeStale(path);
  await listen(server, { path });
  await chmod(path, 0o660);
  return {
    close: (graceMs) =>
      new Promise((resolve) => {
        const cancel = clock.after(graceMs, () => {
          for (const socket of open) socket.destroy();
        });
        server.close(() => {
          cancel();
          resolve();
        });
      }),
  };
};
