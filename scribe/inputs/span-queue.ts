import { fullJitterMs } from "#nervous-system/kernel/backoff.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";

/** Spans on their way out of the pod: best effort, in memory, bounded. */
export type SpanQueue = {
  /** Queues an export; the oldest ones make room for it. */
  push(request: Buffer): void;
  /** Exports lost so far: no room, or refused for good. */
  lost(): number;
  /** Waits for at most `limitMs` until the queue is empty, then ends; what is left is lost. */
  close(limitMs: number): Promise<void>;
};

/** What a queue needs. */
export type SpanQueueOptions = {
  /** Resolves when the other side took the export; `false` when it never will. Rejects when it is to be tried again. */
  send: (request: Buffer, signal: AbortSignal) => Promise<boolean>;
  clock: Pick<Clock, "sleep" | "after">;
  /** Uniform in [0, 1). */
  random: () => number;
};

const MAX_BYTES = 4 * 1024 * 1024;
const BACKOFF = { baseMs: 200, capMs: 5_000 };

/**
 * Sends one export after the other; while the other side is away they wait, the newest ones longest.
 *
 *   what became of the oldest export    what follows
 *   taken                               it leaves the queue, the pause is reset
 *   refused for good                    the same, and it counts as lost
 *   failed                              it stays, tried again after a growing pause
 *   no room for a newer one             it leaves the queue and counts as lost
 *   close() and its time is over        all that is left counts as lost
 */
class MemorySpanQueue implements SpanQueue {
  private readonly options: SpanQueueOptions;
  private readonly queue: Buffer[] = [];
  private readonly stop = new AbortController();
  private bytes = 0;
  private lostCount = 0;
  private failures = 0;
  private running: Promise<void> | undefined;

  constructor(options: SpanQueueOptions) {
    this.options = options;
  }

  push(request: Buffer): void {
    if (request.length > MAX_BYTES || this.stop.signal.aborted) return void (this.lostCount += 1);
    this.queue.push(request);
    this.bytes += request.length;
    while (this.bytes > MAX_BYTES) {
      this.drop();
      this.lostCount += 1;
    }
    this.running ??= this.run();
  }

  lost(): number {
    return this.lostCount;
  }

  async close(limitMs: number): Promise<void> {
    const cancel = this.options.clock.after(limitMs, () => this.stop.abort());
    await this.running;
    cancel();
    this.stop.abort();
    this.lostCount += this.queue.length;
  }

  private drop(): void {
    this.bytes -= this.queue.shift()?.length ?? 0;
  }

  private async run(): Promise<void> {
    while (this.queue.length > 0 && !this.stop.signal.aborted) await this.sendFirst(this.queue[0] as Buffer);
    this.running = undefined;
  }

  private async sendFirst(request: Buffer): Promise<void> {
    const { send, clock, random } = this.options;
    try {
      if (!(await send(request, this.stop.signal))) this.lostCount += 1;
      this.failures = 0;
      if (this.queue[0] === request) this.drop();
    } catch {
      const waitMs = fullJitterMs(this.failures++, { ...BACKOFF, random });
      await clock.sleep(waitMs, this.stop.signal).catch(() => undefined);
    }
  }
}

/** Creates an empty queue. */
export const createSpanQueue = (options: SpanQueueOptions): SpanQueue => new MemorySpanQueue(options);
