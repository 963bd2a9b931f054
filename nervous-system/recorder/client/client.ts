import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Ids } from "#nervous-system/schemas/ids.ts";
import type { Redactor } from "../redact.ts";
import type { Wal } from "../wal/wal.ts";
import type { ClientFrame, ContextClient, ContextClientState } from "./contract.ts";
import { createSendQueue, type Answer, type Connect, type SendQueue, type QueuedLine } from "./send-queue.ts";
import { frameText, roughSize, type TakenFrame } from "./frame-text.ts";
import { createSpool, type Spool } from "./spool.ts";

/** What a client is made of. */
export type ClientParts = {
  directory: string;
  /** The client's own log, open. */
  wal: Wal;
  connect: Connect;
  redactor: Redactor;
  clock: Pick<Clock, "nowNs" | "after">;
  /** Waits that do not keep the process alive. */
  idle: Pick<Clock, "after">;
  ids: Ids;
  onRefused: (reason: string, eventId: string) => void;
};

type Held = Omit<TakenFrame, "eventId"> & { readonly size: number };
type Waiter = { readonly isOver: () => boolean; readonly resolve: () => void };

// What memory holds before it asks the program to wait; at four times as much it refuses.
const HIGH_FRAMES = 4096;
const HIGH_BYTES = 8 * 1024 * 1024;
const REFUSE_FACTOR = 4;
// The program's own work is not held up longer than this by ours.
const TURN = { frames: 64, bytes: 256 * 1024 };
// With so little left in the log, new frames wait until it is empty, and go to the socket again.
const NEARLY_EMPTY = 64;

const idOf = ({ line, eventId }: QueuedLine): string => eventId ?? (JSON.parse(line) as { event_id: string }).event_id;

/**
 * Frames go from memory to the socket while it is there and the log is empty, else to the log; from there to the socket,
 * in their order. So at each moment all that the scribe lacks stands in one line: log, then memory.
 */
class QueueingClient implements ContextClient {
  private readonly parts: ClientParts;
  private readonly sendQueue: SendQueue;
  private readonly spool: Spool;
  private readonly queue: Held[] = [];
  private waiters: Waiter[] = [];
  private heldBytes = 0;
  private recorded = 0;
  private refused = 0;
  private isScheduled = false;
  private isClosed = false;

  constructor(parts: ClientParts) {
    this.parts = parts;
    this.spool = createSpool({ ...parts, sendQueue: () => this.sendQueue, onMoved: () => this.schedule() });
    this.sendQueue = createSendQueue({
      connect: parts.connect,
      later: (ms, run) => parts.idle.after(ms, run),
      onOpen: () => {
        this.spool.ship();
        this.schedule();
      },
      onAnswered: (queued, answer) => this.onAnswered(queued, answer),
      onLost: (lines) => this.onLost(lines),
    });
  }

  record(frame: ClientFrame): void | Promise<void> {
    if (this.isClosed) throw new Error("the context client is closed");
    if (this.isOver(REFUSE_FACTOR))
      throw new Error(
        `the context client holds ${this.queue.length} frames that are not written yet; wait for what record() or ready() answers`,
      );
    const size = roughSize(frame);
    this.queue.push({ frame, size, nowNs: this.parts.clock.nowNs() });
    this.heldBytes += size;
    this.recorded += 1;
    this.schedule();
    return this.isOver(1) ? this.ready() : undefined;
  }

  ready(): Promise<void> {
    return this.until(() => !this.isOver(1));
  }

  flush(): Promise<void> {
    const target = this.recorded;
    return this.until(() => this.recorded - this.inMemory() >= target);
  }

  async handOver(limitMs: number): Promise<boolean> {
    const target = this.recorded;
    return this.atMost(limitMs, () => this.spool.left() === 0 && this.recorded - this.inMemory() >= target);
  }

  async close(limitMs = 1000): Promise<boolean> {
    this.isClosed = true;
    await this.handOver(limitMs);
    this.sendQueue.close(); // what it has not brought goes to the log
    const isWhole = await this.atMost(limitMs, () => this.inMemory() === 0);
    await this.spool.close();
    return isWhole;
  }

  state(): ContextClientState {
    return {
      connected: this.sendQueue.isOpen(),
      inMemory: this.inMemory(),
      inLog: this.spool.left() - this.spool.appending(),
      refused: this.refused,
    };
  }

  private isOver(factor: number): boolean {
    return this.queue.length >= HIGH_FRAMES * factor || this.heldBytes >= HIGH_BYTES * factor;
  }

  /** What goes to the socket without the log is in memory until it is answered. */
  private inMemory(): number {
    const direct = this.spool.left() === 0 ? this.sendQueue.unanswered() : 0;
    return this.queue.length + direct + this.spool.appending();
  }

  private isDirect(): boolean {
    return this.sendQueue.isOpen() && this.spool.left() === 0;
  }

  private canTake(): boolean {
    if (this.isDirect()) return this.sendQueue.hasRoom();
    const isCatchingUp = this.sendQueue.isOpen() && this.spool.left() <= NEARLY_EMPTY;
    return !isCatchingUp && this.spool.hasRoom();
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => this.turn());
  }

  private turn(): void {
    this.isScheduled = false;
    let [frames, bytes] = [0, 0];
    while (this.queue.length > 0 && this.canTake() && frames < TURN.frames && bytes < TURN.bytes) {
      frames += 1;
      bytes += this.takeOne();
    }
    if (this.queue.length > 0 && this.canTake()) this.schedule();
    const over = this.waiters.filter(({ isOver }) => isOver());
    if (over.length === 0) return;
    this.waiters = this.waiters.filter((waiter) => !over.includes(waiter));
    for (const { resolve } of over) resolve();
  }

  /** Writes one frame and sends it on; answers how many bytes it was. */
  private takeOne(): number {
    const held = this.queue.shift();
    if (held === undefined) return 0;
    this.heldBytes -= held.size;
    const { redactor, ids } = this.parts;
    const eventId = held.frame.event_id ?? ids.next();
    const text = frameText({ ...held, eventId }, redactor);
    if (!text.ok) {
      this.refuse(text.reason, eventId);
      return held.size;
    }
    if (this.isDirect()) this.sendQueue.send({ line: text.line, eventId });
    else this.spool.append(text.line);
    return text.line.length;
  }

  private onAnswered(queued: QueuedLine, answer: Answer): void {
    if (queued.index !== undefined) this.spool.answered(queued.index);
    if (!answer.ok) this.refuse(answer.reason, idOf(queued));
    this.schedule();
  }

  private onLost(lines: readonly QueuedLine[]): void {
    for (const { line, index } of lines) if (index === undefined) this.spool.append(line);
    this.schedule();
  }

  private refuse(reason: string, eventId: string): void {
    this.refused += 1;
    this.parts.onRefused(reason, eventId);
  }

  private until(isOver: () => boolean): Promise<void> {
    if (isOver()) return Promise.resolve();
    return new Promise((resolve) => this.waiters.push({ isOver, resolve }));
  }

  private async atMost(limitMs: number, isOver: () => boolean): Promise<boolean> {
    let cancel = (): void => undefined;
    const limit = new Promise<void>((resolve) => (cancel = this.parts.clock.after(limitMs, resolve)));
    await Promise.race([this.until(isOver), limit]);
    cancel();
    this.waiters = this.waiters.filter((waiter) => waiter.isOver !== isOver);
    return isOver();
  }
}

/** Creates a client of its parts. */
export const createClient = (parts: ClientParts): ContextClient => new QueueingClient(parts);
