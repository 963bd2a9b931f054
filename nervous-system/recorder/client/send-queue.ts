/** One answer of the scribe's socket. */
export type Answer = { ok: true } | { ok: false; reason: string };

/** One connection to a scribe's socket. */
type Link = {
  send(line: string): void;
  /** Whether the connection keeps the process alive. */
  keepAlive(isBusy: boolean): void;
  close(): void;
};

/** Opens a connection; every link is closed once, whether or not it ever opened. */
export type Connect = (events: { onOpen(): void; onAnswer(answer: Answer): void; onClosed(): void }) => Link;

/** A line on its way: one of the client's log has its index there. */
export type QueuedLine = { readonly line: string; readonly index?: number; readonly eventId?: string };

/** What a send queue needs, and what it tells. */
export type SendQueueOptions = {
  connect: Connect;
  /** Calls `run` after a while, without keeping the process alive. */
  later: (ms: number, run: () => void) => () => void;
  onOpen(): void;
  onAnswered(queued: QueuedLine, answer: Answer): void;
  /** The connection broke; whether the scribe has these is not known. */
  onLost(lines: readonly QueuedLine[]): void;
};

/** Lines on their way to the scribe until it answers each; connects again and again. */
export type SendQueue = {
  isOpen(): boolean;
  hasRoom(): boolean;
  /** Aborts when the present connection is lost. */
  connection(): AbortSignal;
  send(queued: QueuedLine): void;
  unanswered(): number;
  close(): void;
};

// What the scribe takes from one connection before it answers.
const MAX_UNANSWERED = 512;
const MAX_BYTES = 2 * 1024 * 1024;
const RETRY_MS = { first: 50, most: 2_000 };

class SocketSendQueue implements SendQueue {
  private readonly options: SendQueueOptions;
  private readonly lines: QueuedLine[] = [];
  private bytes = 0;
  private link: Link;
  private life = new AbortController();
  private open = false;
  private closed = false;
  private retryMs = RETRY_MS.first;
  private cancelRetry = (): void => undefined;

  constructor(options: SendQueueOptions) {
    this.options = options;
    this.link = this.connect();
  }

  isOpen(): boolean {
    return this.open;
  }

  hasRoom(): boolean {
    return this.lines.length < MAX_UNANSWERED && this.bytes < MAX_BYTES;
  }

  connection(): AbortSignal {
    return this.life.signal;
  }

  send(queued: QueuedLine): void {
    this.lines.push(queued);
    this.bytes += queued.line.length;
    this.link.keepAlive(true);
    this.link.send(queued.line);
  }

  unanswered(): number {
    return this.lines.length;
  }

  close(): void {
    this.closed = true;
    this.cancelRetry();
    this.link.close();
  }

  private connect(): Link {
    return this.options.connect({
      onOpen: () => {
        this.open = true;
        this.retryMs = RETRY_MS.first;
        this.life = new AbortController();
        this.link.keepAlive(false);
        this.options.onOpen();
      },
      onAnswer: (answer) => this.onAnswer(answer),
      onClosed: () => this.onClosed(),
    });
  }

  private onAnswer(answer: Answer): void {
    const queued = this.lines.shift();
    if (queued === undefined) return this.link.close(); // it answers what was not asked
    this.bytes -= queued.line.length;
    if (this.lines.length === 0) this.link.keepAlive(false);
    this.options.onAnswered(queued, answer);
  }

  private onClosed(): void {
    this.open = false;
    this.bytes = 0;
    const lost = this.lines.splice(0);
    this.life.abort();
    this.options.onLost(lost);
    if (this.closed) return;
    this.cancelRetry = this.options.later(this.retryMs, () => {
      this.link = this.connect();
    });
    this.retryMs = Math.min(RETRY_MS.most, this.retryMs * 2);
  }
}

/** Creates a send queue; it connects at once. */
export const createSendQueue = (options: SendQueueOptions): SendQueue => new SocketSendQueue(options);
